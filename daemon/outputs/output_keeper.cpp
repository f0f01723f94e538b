#include "daemon/outputs/output_keeper.hpp"

#include "base/paths.hpp"
#include "daemon/config/config.hpp"
#include "daemon/outputs/output_store.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr std::size_t kMostFiles = 10'000;  ///< of one agent
constexpr Clock::duration kLongest = 60s;   ///< of one capture
constexpr Clock::duration kLookAgain = 5s;  ///< after the journal has failed
constexpr std::size_t kMissingInEvent = 20;

}  // namespace

OutputKeeper::OutputKeeper(Parts parts, std::function<void()> save)
    : parts_(parts), save_(std::move(save)), changed_(parts.services.executor), worker_(parts.services.outputs) {}

awaitable<void> OutputKeeper::run() {
  if (parts_.dirs.empty()) co_return;
  for (;;) {
    bool done = true;
    if (tidy_)
      done = co_await tidy_now();
    else if (parts_.due)
      done = co_await capture_now();
    else
      co_await changed_.wait();
    if (!done) co_await changed_.wait(Clock::now() + kLookAgain);
  }
}

bool OutputKeeper::capture() {
  if (parts_.dirs.empty() || parts_.turns == 0) return false;
  ++wanted_;
  changed_.notify_all();
  return !std::exchange(parts_.due, true);
}

void OutputKeeper::tidy() {
  tidy_ = true;
  changed_.notify_all();
}

void OutputKeeper::stop() {
  stop_.request_stop();
  changed_.notify_all();
}

awaitable<void> OutputKeeper::settled(Clock::time_point deadline) {
  while (parts_.due && !stop_.stop_requested() && Clock::now() < deadline) co_await changed_.wait(deadline);
}

std::filesystem::path OutputKeeper::store() const { return output_store_dir(parts_.services.paths, parts_.agent); }

OutputFolders OutputKeeper::folders() const {
  OutputFolders folders{parts_.dirs, {parts_.cwd}, parts_.services.paths.state_dir.string()};
  auto const& more = parts_.services.config.output_roots;
  folders.roots.insert(folders.roots.end(), more.begin(), more.end());
  return folders;
}

/// False: it could not be done.
awaitable<bool> OutputKeeper::capture_now() {
  auto const wanted = wanted_;
  auto query = [agent = parts_.agent](Database& db) -> Result<std::vector<OutputTable::Row>> {
    return OutputTable(db).after(agent, 0, 0);
  };
  auto known = co_await parts_.services.journal.read(std::move(query));
  auto done = known ? Result<void>() : known.error();
  if (known) {
    auto const job = std::make_shared<CaptureJob>();
    job->folders = folders();
    job->store = store();
    job->known = std::move(*known);
    job->turn = parts_.turns;
    job->now = wall_now();
    job->most_bytes = parts_.services.config.outputs_mb << 20;
    job->most_files = kMostFiles;
    job->deadline = Clock::now() + kLongest;
    job->stop = stop_.get_token();
    auto look = [job] { return std::make_shared<Capture const>(capture_outputs(*job)); };
    auto const capture = co_await worker_.run(std::move(look));
    if (capture->cut_off) co_return false;
    done = co_await write_down(capture, job->turn, job->now);
  }
  if (!done) {
    if (failures_.should_log(parts_.agent, done.error().message))
      spdlog::warn("agent {}: its outputs cannot be captured now: {}", parts_.agent, done.error().message);
    co_return false;
  }
  if (wanted == wanted_) {
    parts_.due = false;
    save_();
  }
  changed_.notify_all();
  co_return true;
}

awaitable<Result<void>> OutputKeeper::write_down(std::shared_ptr<Capture const> capture, std::int64_t turn,
                                                 WallTime at) {
  auto write = [agent = parts_.agent, capture, turn, at](Database& db) -> Result<std::int64_t> {
    Transaction transaction(db);
    OutputTable table(db);
    for (auto const& row : capture->taken) table.put(agent, row);
    for (auto const& row : capture->same) table.set_stamp(agent, row.path, row.stamp);
    for (auto const& path : capture->gone) table.set_gone(agent, path, at);
    table.put(agent, OutputTable::Capture{turn, at, to_text(to_json(capture->missing))});
    auto const bytes = table.bytes(agent);
    transaction.commit();
    return bytes;
  };
  auto const bytes = co_await parts_.services.journal.run(std::move(write));
  if (!bytes) co_return bytes.error();
  bytes_ = *bytes;
  if (!capture->taken.empty()) tidy_ = true;  // what they have replaced
  tell(*capture, turn);
  co_return Result<void>();
}

void OutputKeeper::tell(Capture const& capture, std::int64_t turn) {
  std::int64_t bytes = 0;
  for (auto const& row : capture.taken) bytes += row.bytes;
  json missing = json::array();
  for (auto const& one : capture.missing)
    if (missing.size() < kMissingInEvent) missing.push_back(to_json(one));
  parts_.services.events.append(parts_.agent, "output.captured",
                                {{"turn", turn},
                                 {"files", capture.taken.size()},
                                 {"bytes", bytes},
                                 {"retainedStorageBytes", bytes_},
                                 {"missing", std::move(missing)}});
}

awaitable<bool> OutputKeeper::tidy_now() {
  tidy_ = false;
  using Listed = std::pair<std::set<std::string>, std::int64_t>;
  auto query = [agent = parts_.agent](Database& db) -> Result<Listed> {
    OutputTable const table(db);
    return Listed{table.contents(agent), table.bytes(agent)};
  };
  auto listed = co_await parts_.services.journal.read(std::move(query));
  tidy_ = tidy_ || !listed;
  if (!listed) co_return false;
  bytes_ = listed->second;
  auto job = [store = OutputStore(store()), kept = std::move(listed->first)]() -> Result<void> {
    store.sweep(kept);
    return {};
  };
  (void)co_await worker_.run(std::move(job));
  co_return true;
}

}  // namespace ar::daemon
