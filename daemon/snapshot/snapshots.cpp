#include "daemon/snapshot/snapshots.hpp"

#include "base/ids.hpp"
#include "base/paths.hpp"
#include "daemon/config/config.hpp"
#include "daemon/snapshot/file_job.hpp"
#include "daemon/snapshot/restore.hpp"
#include "daemon/snapshot/taking.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/known_store.hpp"
#include "daemon/store/removed.hpp"
#include "daemon/store/tables/snapshot_table.hpp"
#include "relay/bus.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace ar::daemon {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kPiece = 256 << 10;
constexpr char kWork[] = "work-";  ///< begins the names of folders for what is under way

json shown(SnapshotTable::Row const& row) {
  auto const sections = parse_object(row.sections);
  return {{"id", row.id},
          {"label", row.label.empty() ? json(nullptr) : json(row.label)},
          {"createdAt", to_iso8601(row.created_at)},
          {"bytes", row.bytes},
          {"includeHistory", row.history},
          {"sections", sections ? *sections : json::object()}};
}

Error no_such_snapshot(std::string const& id) {
  return not_found("no_such_snapshot",
                   "there is no snapshot \"" + id.substr(0, 80) + "\"; `agent-runner snapshot list` lists them");
}

/// Removes what is no document that the journal knows. Those whose documents are gone.
std::vector<std::string> sweep_folder(fs::path const& folder, std::vector<std::string> known) {
  std::error_code ec;
  std::vector<fs::path> strangers;
  for (fs::directory_iterator at(folder, ec), end; !ec && at != end; at.increment(ec)) {
    auto const id = at->path().extension() == ".json" ? at->path().stem().string() : std::string();
    if (std::erase(known, id) == 0) strangers.push_back(at->path());
  }
  for (auto const& stranger : strangers) {
    fs::remove_all(stranger, ec);
    spdlog::info("snapshots: {} was left by half and is removed", stranger.filename().string());
  }
  return known;
}

}  // namespace

SnapshotFile::Open::~Open() { ::close(fd); }

awaitable<Result<std::string>> SnapshotFile::next() {
  auto read = [fd = fd_]() -> Result<std::string> {
    std::string bytes(kPiece, '\0');
    ssize_t n = 0;
    do n = ::read(fd->fd, bytes.data(), bytes.size());
    while (n < 0 && errno == EINTR);
    if (n < 0) return from_errno("cannot read the snapshot", errno);
    bytes.resize(static_cast<std::size_t>(n));
    return bytes;
  };
  co_return co_await file_job(files_, std::move(read));
}

Snapshots::Snapshots(Services& services, Supervisor& supervisor, ToolHooks& tool_hooks)
    : services_(services),
      supervisor_(supervisor),
      tool_hooks_(tool_hooks),
      folder_(services.paths.state_dir / "snapshots"),
      files_(services.files),
      working_(services.executor) {}

awaitable<Result<void>> Snapshots::sweep() {
  auto query = [](Database& db) -> Result<std::vector<std::string>> { return SnapshotTable(db).ids(); };
  auto known = co_await services_.journal.read(std::move(query));
  if (!known) co_return known.error();
  auto job = [folder = folder_, known = std::move(*known)]() -> Result<std::vector<std::string>> {
    return sweep_folder(folder, known);
  };
  auto const gone = co_await file_job(files_, std::move(job));
  if (!gone) co_return gone.error();
  for (auto const& id : *gone) {
    spdlog::warn("snapshots: the document of {} is gone, and it is forgotten", id);
    services_.journal.write([id](Database& db) { SnapshotTable(db).erase(id); });
    services_.removed.note(kSnapshotNoun, id);
  }
  co_return Result<void>();
}

// ---- taking ----

awaitable<Result<json>> Snapshots::create(std::string label, bool history) {
  auto const lock = co_await working_.lock();
  auto const there = co_await count();
  if (!there) co_return there.error();
  if (*there >= kMost)
    co_return Error{ErrorKind::too_large, "quota",
                    "there are " + std::to_string(kMost) +
                        " snapshots, the most that are kept; remove one: agent-runner snapshot rm"};
  auto const folder = folder_ / (kWork + random_hex(4));
  if (auto made = co_await make_folder(folder); !made) co_return made.error();
  auto created = co_await create_in(folder, std::move(label), history);
  co_await remove_all(folder);
  co_return created;
}

awaitable<Result<json>> Snapshots::create_in(fs::path folder, std::string label, bool history) {
  SnapshotTable::Row row;
  row.id = "snp_" + random_hex(8);
  row.label = std::move(label);
  row.created_at = wall_now();
  row.history = history;
  json head = {{"format", kSnapshotFormat},
               {"id", row.id},
               {"label", row.label.empty() ? json(nullptr) : json(row.label)},
               {"createdAt", to_iso8601(row.created_at)},
               {"bus", services_.bus.name()},
               {"store", services_.store.id()},
               {"includeHistory", history}};
  auto written = co_await take_snapshot(services_, supervisor_, files_, folder, std::move(head), history);
  if (!written) co_return written.error();
  row.bytes = written->bytes;
  row.sections = to_text(written->sections);
  auto move = [from = folder / "snapshot.json", to = file_of(row.id)]() -> Result<void> {
    if (::rename(from.c_str(), to.c_str()) != 0) return from_errno("cannot keep the snapshot", errno);
    return {};
  };
  if (auto moved = co_await file_job(files_, std::move(move)); !moved) co_return moved.error();
  // The document first: of a row without one nobody could make a snapshot again.
  auto note = [row](Database& db) -> Result<bool> {
    Transaction transaction(db);
    SnapshotTable(db).add(row);
    transaction.commit();
    return true;
  };
  if (auto const noted = co_await services_.journal.run(std::move(note)); !noted) {
    co_await remove_all(file_of(row.id));
    co_return noted.error();
  }
  json event = {{"snapshot", row.id}, {"bytes", row.bytes}};
  if (!row.label.empty()) event["label"] = row.label;
  services_.events.append("", "snapshot.created", std::move(event));
  co_return ok(shown(row));
}

awaitable<Result<void>> Snapshots::make_folder(fs::path folder) {
  auto job = [top = folder_, folder = std::move(folder)]() -> Result<void> {
    auto made = make_private_dir(top);
    return made ? make_private_dir(folder) : made;
  };
  co_return co_await file_job(files_, std::move(job));
}

awaitable<void> Snapshots::remove_all(fs::path path) {
  auto job = [path = std::move(path)]() -> Result<void> {
    std::error_code ec;
    fs::remove_all(path, ec);
    return {};
  };
  (void)co_await file_job(files_, std::move(job));
}

// ---- what there is ----

awaitable<Result<json>> Snapshots::list(std::string label_contains, int limit) const {
  auto query = [label = std::move(label_contains), limit](Database& db) -> Result<json> {
    json all = json::array();
    for (auto const& row : SnapshotTable(db).newest(label, limit)) all.push_back(shown(row));
    return ok({{"snapshots", std::move(all)}});
  };
  co_return co_await services_.journal.read(std::move(query));
}

awaitable<Result<json>> Snapshots::show(std::string id) const {
  auto query = [id](Database& db) -> Result<json> {
    auto const row = SnapshotTable(db).find(id);
    if (!row) return no_such_snapshot(id);
    return ok(shown(*row));
  };
  auto found = co_await services_.journal.read(std::move(query));
  if (!found && found.error().code == "no_such_snapshot")
    if (auto const gone = services_.removed.gone(kSnapshotNoun, id)) co_return *gone;
  co_return found;
}

awaitable<Result<std::int64_t>> Snapshots::count() const {
  auto query = [](Database& db) -> Result<std::int64_t> { return SnapshotTable(db).count(); };
  co_return co_await services_.journal.read(std::move(query));
}

awaitable<Result<std::unique_ptr<SnapshotFile>>> Snapshots::open(std::string id) {
  if (auto const known = co_await show(id); !known) co_return known.error();
  auto job = [file = file_of(id), id]() -> Result<int> {
    int const fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) return no_such_snapshot(id);
    if (fd < 0) return from_errno("cannot read the snapshot " + id, errno);
    return fd;
  };
  auto const fd = co_await file_job(files_, std::move(job));
  if (!fd) co_return fd.error();
  co_return std::make_unique<SnapshotFile>(files_, *fd);
}

awaitable<Result<void>> Snapshots::remove(std::string id) {
  auto const known = co_await show(id);
  if (!known) co_return known.error().kind == ErrorKind::not_found ? Result<void>() : known.error();
  auto erase = [id](Database& db) -> Result<bool> {
    Transaction transaction(db);
    SnapshotTable(db).erase(id);
    transaction.commit();
    return true;
  };
  services_.removed.note(kSnapshotNoun, id);  // first: a daemon that ends in between has it removed once more
  if (auto const erased = co_await services_.journal.run(std::move(erase)); !erased) co_return erased.error();
  services_.events.append("", "snapshot.removed", {{"snapshot", id}});
  auto job = [file = file_of(id)]() -> Result<void> {
    std::error_code ec;
    fs::remove(file, ec);
    if (ec) return from_errno("cannot remove " + file.string(), ec.value());
    return {};
  };
  co_return co_await file_job(files_, std::move(job));
}

// ---- restoring ----

awaitable<Result<json>> Snapshots::restore(std::string id, RestoreWishes wishes) {
  if (auto const known = co_await show(id); !known) co_return known.error();
  co_return co_await restore_file(file_of(id), std::move(wishes));
}

awaitable<Result<json>> Snapshots::restore_file(fs::path file, RestoreWishes wishes) {
  auto const lock = co_await working_.lock();
  auto const folder = folder_ / (kWork + random_hex(4));
  if (auto made = co_await make_folder(folder); !made) co_return made.error();
  auto restored = co_await restore_in(folder, std::move(file), std::nullopt, std::move(wishes));
  co_await remove_all(folder);
  co_return restored;
}

awaitable<Result<json>> Snapshots::restore_document(json document, RestoreWishes wishes) {
  auto const lock = co_await working_.lock();
  auto const folder = folder_ / (kWork + random_hex(4));
  if (auto made = co_await make_folder(folder); !made) co_return made.error();
  auto restored = co_await restore_in(folder, folder / "given.json", std::move(document), std::move(wishes));
  co_await remove_all(folder);
  co_return restored;
}

awaitable<Result<json>> Snapshots::restore_in(fs::path folder, fs::path file, std::optional<json> document,
                                              RestoreWishes wishes) {
  struct Read {
    std::shared_ptr<RowSpool> spool;
    SnapshotHead head;
  };
  auto job = [folder, file, document = std::move(document),
              most = services_.config.snapshot_max_bytes]() -> Result<Read> {
    if (document)
      if (auto written = write_file(file, to_text(*document)); !written) return written.error();
    auto spool = RowSpool::open(folder);
    if (!spool) return spool.error();
    auto head = read_snapshot(file, most, **spool);
    if (!head) return head.error();
    return Read{std::move(*spool), std::move(*head)};
  };
  auto read = co_await file_job(files_, std::move(job));
  if (!read) co_return read.error();
  Restore restore(services_, supervisor_, tool_hooks_, files_, std::move(read->spool), std::move(read->head),
                  std::move(wishes));
  co_return co_await restore.run();
}

}  // namespace ar::daemon
