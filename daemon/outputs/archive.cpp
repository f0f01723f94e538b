#include "daemon/outputs/archive.hpp"

#include "base/worker.hpp"
#include "base/zip/zip_stream.hpp"
#include "daemon/delivery/turn.hpp"
#include "daemon/outputs/archive_names.hpp"
#include "daemon/outputs/content_type.hpp"
#include "daemon/outputs/output_store.hpp"
#include "daemon/outputs/stable_copy.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/journal_row.hpp"
#include "daemon/store/tables/turn_table.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <unistd.h>

namespace ar::daemon {
namespace {

constexpr std::size_t kPart = 64U << 10;  ///< of a file, read at a time
constexpr int kPage = 50;                 ///< turns and events, read at a time
constexpr Clock::duration kLongestWalk = std::chrono::seconds(30);

Error nobody_left() { return unavailable("client_gone", "nobody takes the archive"); }

/// A file that goes into the archive.
struct Content {
  std::string path{}, name{}, sha256{};
  std::int64_t bytes = 0;
  WallTime modified_at{};
  std::shared_ptr<OpenFile> file{};
};

class Archive {
 public:
  Archive(Services& services, std::shared_ptr<ArchivePlan const> plan, ArchiveSink sink)
      : services_(services),
        plan_(std::move(plan)),
        sink_(std::move(sink)),
        worker_(services.files),
        looker_(services.outputs) {}

  awaitable<Result<void>> send() {
    for (auto const part : {&Archive::add_run, &Archive::add_events, &Archive::add_outputs, &Archive::add_manifest}) {
      auto done = co_await (this->*part)();
      if (!done) co_return done;
    }
    co_return co_await zip([](ZipStream& zip) { return zip.finish(); });
  }

 private:
  using Step = std::function<Result<void>(ZipStream&)>;

  /// One step on a thread, and what comes out of it to the client.
  awaitable<Result<void>> zip(Step step) {
    auto job = [stream = zip_, step = std::move(step)]() -> Result<std::string> {
      auto done = step(*stream);
      if (!done) return done.error();
      return stream->take();
    };
    auto part = co_await worker_.run(std::move(job));
    if (!part) co_return part.error();
    if (part->empty()) co_return Result<void>();
    bool const taken = co_await sink_(std::move(*part));
    if (!taken) co_return nobody_left();
    co_return Result<void>();
  }
  awaitable<Result<void>> begin(std::string name, std::optional<std::int64_t> bytes, WallTime at) {
    return zip([name = std::move(name), bytes, at](ZipStream& zip) { return zip.begin_file(name, bytes, at); });
  }
  awaitable<Result<void>> add(std::string text) {
    return zip([text = std::move(text)](ZipStream& zip) { return zip.add(text); });
  }

  /// {runId, status, session, turns}, the newest turn first.
  awaitable<Result<void>> add_run() {
    auto done = co_await begin("run.json", std::nullopt, now_);
    if (!done) co_return done;
    json const head = {{"runId", plan_->agent}, {"status", plan_->session["status"]}, {"session", plan_->session}};
    auto text = to_text(head);
    text.back() = ',';
    text += "\"turns\":[";
    std::int64_t before = 0;
    for (bool more = true, first = true; more;) {
      auto query = [agent = plan_->agent, before](Database& db) -> Result<std::vector<Record>> {
        return TurnTable(db).page(agent, before, kPage);
      };
      auto rows = co_await services_.journal.read(std::move(query));
      if (!rows) co_return rows.error();
      for (auto const& [number, record] : *rows) {
        before = number;
        auto const read = [&](json const& stored) { return session_turn(plan_->agent, stored); };
        auto const turn = read_row(record, "turn " + std::to_string(number) + " of agent " + plan_->agent, read);
        if (!turn) continue;
        text += (std::exchange(first, false) ? "\n" : ",\n") + to_text(*turn);
      }
      more = rows->size() == static_cast<std::size_t>(kPage) && before > 1;
      if (!more) text += "]}\n";
      done = co_await add(std::exchange(text, {}));
      if (!done) co_return done;
    }
    co_return done;
  }

  awaitable<Result<void>> add_events() {
    auto done = co_await begin("events.jsonl", std::nullopt, now_);
    std::int64_t seen = 0;
    while (done && seen < plan_->last_event) {
      auto const page = co_await services_.events.page(plan_->agent, seen, kPage);
      if (!page) co_return page.error();
      if (page->empty()) break;
      std::string text;
      for (auto const& event : *page) {
        seen = event.agent_number;
        if (seen <= plan_->last_event) text += event.json_text + "\n";
      }
      done = co_await add(std::move(text));
    }
    co_return done;
  }

  awaitable<Result<void>> add_outputs() {
    auto done = co_await zip([at = now_](ZipStream& zip) { return zip.add_folder("outputs", at); });
    if (done && plan_->live) done = co_await add_live();
    for (auto const& row : plan_->outputs) {
      if (!done) break;
      if (live_paths_.contains(row.path)) continue;
      auto open = [store = OutputStore(plan_->store), sha256 = row.sha256, bytes = row.bytes]() -> Result<Content> {
        auto file = store.open(sha256, bytes);
        if (!file) return file.error();
        return Content{.file = std::make_shared<OpenFile>(std::move(*file))};
      };
      auto content = co_await worker_.run(std::move(open));
      if (!content) {
        missing_.push_back({row.path, missing::kReadFailed, content.error().message, row.id});
        continue;
      }
      content->path = row.path;
      content->name = row.name;
      content->sha256 = row.sha256;
      content->bytes = row.bytes;
      content->modified_at = row.modified_at;
      done = co_await add_output(std::move(*content));
    }
    co_return done;
  }

  /// What stands in the folders now. Each file is copied before it is sent, so that what is sent is a state that it
  /// had.
  awaitable<Result<void>> add_live() {
    auto look = [folders = *plan_->live]() -> Result<OutputWalk> {
      WalkLimits limits;
      limits.deadline = Clock::now() + kLongestWalk;
      return walk_outputs(folders, limits);
    };
    auto walk = co_await looker_.run(std::move(look));
    missing_.insert(missing_.end(), walk->missing.begin(), walk->missing.end());
    Result<void> done;
    for (auto& file : walk->found) {
      if (!done) break;
      auto copy = [file, store = plan_->store, most = plan_->most_bytes]() -> Result<Content> {
        if (auto made = OutputStore(store).make(); !made) return conflict(missing::kReadFailed, made.error().message);
        auto into = unnamed_file(store);
        if (!into) return conflict(missing::kReadFailed, into.error().message);
        auto const taken = copy_stable(file, into->fd(), most, {});
        if (!taken) return taken.error();
        if (::lseek(into->fd(), 0, SEEK_SET) != 0) return conflict(missing::kReadFailed, "its copy cannot be read");
        return Content{file.path,    file.name,          taken->sha256,
                       taken->bytes, taken->modified_at, std::make_shared<OpenFile>(std::move(*into))};
      };
      auto content = co_await looker_.run(std::move(copy));
      if (content) {
        live_paths_.insert(file.path);
        done = co_await add_output(std::move(*content));
      } else {
        auto const kept = std::ranges::find(plan_->outputs, file.path, &OutputTable::Row::path);
        auto const id = kept == plan_->outputs.end() ? std::string() : kept->id;
        missing_.push_back({file.path, content.error().code, content.error().message, id});
      }
    }
    co_return done;
  }

  awaitable<Result<void>> add_output(Content content) {
    auto const id = output_id(content.path, content.sha256);
    auto const name = "outputs/" + names_.add(content.name, id);
    auto done = co_await begin(name, content.bytes, content.modified_at);
    for (auto left = content.bytes; done && left > 0;) {
      auto const size = static_cast<std::size_t>(std::min<std::int64_t>(left, kPart));
      done = co_await zip([file = content.file, size](ZipStream& zip) -> Result<void> {
        std::string part(size, '\0');
        for (std::size_t at = 0; at < size;) {
          auto const n = ::read(file->fd(), part.data() + at, size - at);
          if (n < 0 && errno == EINTR) continue;
          if (n <= 0) return internal("output_lost", "what is kept of an output cannot be read to its end");
          at += static_cast<std::size_t>(n);
        }
        return zip.add(part);
      });
      left -= static_cast<std::int64_t>(size);
    }
    json shown = {{"id", id}, {"path", name}, {"byteSize", content.bytes}};
    if (auto const type = content_type_of(content.name); !type.empty()) shown["contentType"] = type;
    outputs_.push_back(std::move(shown));
    co_return done;
  }

  awaitable<Result<void>> add_manifest() {
    auto done = co_await begin("manifest.json", std::nullopt, now_);
    if (!done) co_return done;
    missing_.insert(missing_.begin(), plan_->missing.begin(), plan_->missing.end());
    json manifest = {{"source", plan_->live ? "live" : "captured"},
                     {"partial", plan_->partial},
                     {"outputs", std::move(outputs_)},
                     {"missing", to_json(missing_)}};
    co_return co_await zip([manifest = std::move(manifest)](ZipStream& zip) {
      return zip.add(manifest.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
    });
  }

  Services& services_;
  std::shared_ptr<ArchivePlan const> const plan_;
  ArchiveSink const sink_;
  WallTime const now_ = wall_now();
  std::shared_ptr<ZipStream> const zip_ = std::make_shared<ZipStream>();
  ArchiveNames names_{};
  json outputs_ = json::array();
  std::vector<MissingOutput> missing_{};
  std::set<std::string> live_paths_{};  ///< that have gone into it as they are now
  Worker worker_, looker_;              ///< for what is short, and for what may take long
};

}  // namespace

awaitable<Result<void>> send_archive(Services& services, std::shared_ptr<ArchivePlan const> plan, ArchiveSink sink) {
  Archive archive(services, std::move(plan), std::move(sink));
  auto const done = co_await archive.send();
  bool const unwanted = !done && done.error().code == nobody_left().code;
  if (!done && !unwanted) co_return done.error();
  co_return Result<void>();
}

}  // namespace ar::daemon
