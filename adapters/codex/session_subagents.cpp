// Subagents: threads of the same server that work for ours. The server tells each change of a thread's status to
// everybody, but not whose thread it is: that is asked, once.
#include "adapters/codex/protocol.hpp"
#include "adapters/codex/session.hpp"

#include <utility>

namespace ar::adapters::codex {
namespace {

constexpr std::size_t kThreadsRead = 50;

}  // namespace

void CodexSession::on_thread_status(std::string const& id, ThreadStatus const& status) {
  if (id.empty() || !ready_) return;  // who works by then is asked
  auto other = others_.find(id);
  if (other == others_.end()) {
    if (!status.active) return;
    other = others_.try_emplace(id).first;
    tasks_.spawn("thread", meet(id));
  }
  other->second.active = status.active;
  tell_work(other->second);
  if (!status.loaded) others_.erase(id);
}

void CodexSession::note_subagent(json const& thread) {
  auto subagent = subagent_of(thread);
  if (subagent.id.empty()) return;
  if (subagent.parent_id == thread_) subagent.parent_id.clear();
  auto& other = others_[subagent.id];
  // What was told of its status meanwhile is newer than what it says itself.
  if (!other.active) other.active = thread_status(object_at(thread, "status")).active;
  other.subagent = std::move(subagent);
  tell_work(other);
}

void CodexSession::tell_work(OtherThread& other) {
  bool const works = other.active.value_or(false);
  if (!other.subagent || works == other.told) return;
  other.told = works;
  if (works)
    emit(*other.subagent);
  else
    emit(WorkFinished{other.subagent->kind, other.subagent->id});
}

/// What they do while there is no connection is not told.
void CodexSession::forget_others() {
  for (auto& [id, other] : others_) {
    other.active = false;
    tell_work(other);
  }
  others_.clear();
}

awaitable<void> CodexSession::meet(std::string id) {
  auto const connection = connection_;
  if (!connection) co_return;
  others_.try_emplace(id);
  json which{{"threadId", id}};
  auto const answer = co_await connection->call("thread/read", std::move(which));
  auto const other = others_.find(id);
  if (connection != connection_ || other == others_.end()) co_return;  // it is over
  if (!answer && !other->second.subagent) others_.erase(other);        // asked again when it works again
  if (!answer) co_return;
  if (auto const& thread = object_at(*answer, "thread"); is_subagent(thread)) note_subagent(thread);
}

/// Those that work since before this connection.
awaitable<void> CodexSession::find_subagents() {
  auto const connection = connection_;
  if (!connection) co_return;
  json all = json::object();
  auto const listed = co_await connection->call("thread/loaded/list", std::move(all));
  if (!listed || !listed->is_object()) co_return;  // a version may not know the question
  auto const loaded = listed->value("data", json::array());
  std::size_t read = 0;
  for (auto const& id : loaded) {
    if (!id.is_string() || id == json(thread_) || ++read > kThreadsRead) continue;
    co_await meet(id.get<std::string>());
    if (connection != connection_) co_return;
  }
}

}  // namespace ar::adapters::codex
