#include "daemon/api/outputs_api.hpp"

#include "base/ids.hpp"
#include "base/unicode.hpp"
#include "base/worker.hpp"
#include "daemon/config/config.hpp"
#include "daemon/outputs/archive.hpp"
#include "daemon/outputs/content_type.hpp"
#include "daemon/outputs/output_store.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/journal_row.hpp"
#include "model/wildcard.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>
#include <string_view>
#include <unistd.h>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

using Row = OutputTable::Row;

/// For a capture that is under way when somebody asks for what it captures.
constexpr Clock::duration kPatience = 10s;
constexpr std::size_t kPart = 64U << 10;  ///< of a file, sent at a time
constexpr int kRows = 500;                ///< rows, read at a time

json shown(Row const& row) {
  auto const type = content_type_of(row.name);
  return {{"id", row.id},
          {"name", row.name},
          {"path", row.path},
          {"byteSize", row.bytes},
          {"contentType", type.empty() ? json(nullptr) : json(type)},
          {"sha256", row.sha256},
          {"turnSeq", row.turn - 1},
          {"modifiedAt", to_iso8601(row.modified_at)},
          {"capturedAt", to_iso8601(row.captured_at)},
          {"goneAt", row.gone_at ? json(to_iso8601(*row.gone_at)) : json(nullptr)}};
}

bool fits(Row const& row, control::OutputQuery const& query) {
  if (to_millis(row.captured_at) < query.since) return false;
  auto const last = std::string_view(row.name).substr(row.name.rfind('/') + 1);
  if (query.name && !matches_wildcard(*query.name, row.name, "") && !matches_wildcard(*query.name, last, ""))
    return false;
  if (!query.type) return true;
  auto const type = content_type_of(row.name);
  if (query.type->ends_with("/*")) return type.starts_with(query.type->substr(0, query.type->size() - 1));
  return type == *query.type;
}

/// Of the newest capture.
std::vector<MissingOutput> missing_of(OutputTable const& table, std::string const& agent) {
  auto const capture = table.capture(agent);
  auto missing = capture ? read_row(capture->missing, "the outputs of agent " + agent, missing_from) : std::nullopt;
  return missing ? std::move(*missing) : std::vector<MissingOutput>();
}

/// A file that is being sent, read on a thread.
struct Sent {
  Sent(WorkerPool& pool, OpenFile opened, std::int64_t size) : reader(pool), file(std::move(opened)), bytes(size) {}
  Worker reader;
  OpenFile file;
  std::int64_t bytes;
};

awaitable<Result<void>> send_file(std::shared_ptr<Sent> sent, http::Peer& peer) {
  for (std::int64_t at = 0; at < sent->bytes;) {
    auto job = [sent, at]() -> Result<std::string> {
      std::string part(kPart, '\0');
      ssize_t n = -1;
      do n = ::pread(sent->file.fd(), part.data(), part.size(), at);
      while (n < 0 && errno == EINTR);
      if (n <= 0) return internal("output_lost", "the kept content cannot be read to its end");
      part.resize(static_cast<std::size_t>(n));
      return part;
    };
    auto const part = co_await sent->reader.run(std::move(job));
    if (!part) co_return part.error();
    at += static_cast<std::int64_t>(part->size());
    bool const present = co_await peer.write(*part);
    if (!present) break;
  }
  co_return Result<void>();
}

awaitable<bool> write_part(http::Peer& peer, std::string part) { co_return co_await peer.write(part); }

}  // namespace

awaitable<Result<json>> OutputsApi::outputs(std::string session, control::OutputQuery query) {
  auto const agent = supervisor_.get(session);
  if (!agent) co_return agent.error();
  co_await (*agent)->outputs().settled(Clock::now() + kPatience);
  auto job = [agent = session, query = std::move(query)](Database& db) -> Result<json> {
    OutputTable const table(db);
    json answer = {{"outputs", json::array()}, {"missing", json::array()}};
    if (query.after == 0) answer["missing"] = to_json(missing_of(table, agent));
    auto& list = answer["outputs"];
    auto after = query.after;
    for (auto rows = table.after(agent, after, kRows); !rows.empty(); rows = table.after(agent, after, kRows)) {
      for (auto const& row : rows) {
        if (fits(row, query)) {
          if (list.size() == static_cast<std::size_t>(query.limit)) {
            answer["nextCursor"] = after;
            return ok(std::move(answer));
          }
          list.push_back(shown(row));
        }
        after = row.number;
      }
    }
    return ok(std::move(answer));
  };
  co_return co_await services_.journal.read(std::move(job));
}

awaitable<Result<control::Download>> OutputsApi::output(std::string session, std::string id) {
  auto const agent = supervisor_.get(session);
  if (!agent) co_return agent.error();
  auto query = [agent = session, id](Database& db) -> Result<std::optional<Row>> {
    return OutputTable(db).find(agent, id);
  };
  auto const row = co_await services_.journal.read(std::move(query));
  if (!row) co_return row.error();
  if (!*row)
    co_return not_found("unknown_output", "session " + session + " has no output \"" + id.substr(0, 80) +
                                              "\"; it may have another content now: `agent-runner outputs " + session +
                                              "` lists them");
  auto open = [store = OutputStore((*agent)->outputs().store()), sha256 = (*row)->sha256, bytes = (*row)->bytes] {
    return store.open(sha256, bytes);
  };
  Worker opener(services_.files);
  auto file = co_await opener.run(std::move(open));
  if (!file) co_return file.error();
  auto const type = content_type_of((*row)->name);
  auto const last = (*row)->name.substr((*row)->name.rfind('/') + 1);
  auto const sent = std::make_shared<Sent>(services_.files, std::move(*file), (*row)->bytes);
  control::Download download{safe_file_name(last), type.empty() ? "application/octet-stream" : std::string(type), {}};
  download.send = [sent](http::Peer& peer) { return send_file(sent, peer); };
  co_return download;
}

awaitable<Result<control::Download>> OutputsApi::archive(std::string session) {
  auto const found = supervisor_.get(session);
  if (!found) co_return found.error();
  auto const agent = *found;
  if (agent->session()["turnSeq"].is_null())
    co_return conflict("run_not_started", "session " + session + " has had no turn yet; there is nothing to archive");
  co_await agent->usage_measured();
  co_await agent->outputs().settled(Clock::now() + kPatience);
  auto plan = std::make_shared<ArchivePlan>();
  plan->agent = session;
  plan->session = agent->session();
  plan->last_event = services_.events.last(session);
  plan->store = agent->outputs().store();
  plan->most_bytes = services_.config.outputs_mb << 20;
  auto const& dirs = agent->outputs().dirs();
  bool const runs = agent->turn_runs() && !dirs.empty();
  bool const owed = agent->outputs().is_due();
  plan->partial = agent->turn_runs() || owed;
  if (runs) plan->live = agent->outputs().folders();
  // Of these folders more may come, or would have come.
  bool const is_over = is_at_rest(agent->state());
  if (runs || owed)
    for (auto const& dir : dirs)
      plan->missing.push_back({dir, is_over ? missing::kTerminated : missing::kPending,
                               is_over ? "its session has ended, and it has not been captured since"
                               : runs  ? "a turn runs; what it makes is captured at its end"
                                       : "it is being captured"});
  auto query = [session, live = runs](Database& db) -> Result<ArchivePlan> {
    OutputTable const table(db);
    ArchivePlan listed;
    listed.outputs = table.after(session, 0, 0);
    if (!live) listed.missing = missing_of(table, session);
    return listed;
  };
  auto listed = co_await services_.journal.read(std::move(query));
  if (!listed) co_return listed.error();
  plan->outputs = std::move(listed->outputs);
  std::ranges::move(listed->missing, std::back_inserter(plan->missing));
  control::Download download{session + ".zip", "application/zip", {}};
  download.send = [&services = services_, plan](http::Peer& peer) {
    return send_archive(services, plan, [&peer](std::string part) { return write_part(peer, std::move(part)); });
  };
  co_return download;
}

}  // namespace ar::daemon
