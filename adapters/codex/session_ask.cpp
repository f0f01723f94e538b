// A person is asked: the app server sends its request to all who watch the thread, to us and to the screen, and the
// first answer counts. After a lost connection it asks again with the same id.
#include "adapters/codex/protocol.hpp"
#include "adapters/codex/requests.hpp"
#include "adapters/codex/session.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::adapters::codex {
namespace {

constexpr std::size_t kChangesKept = 16;

}  // namespace

void CodexSession::on_request(std::string const& method, json const& id, json const& params) {
  auto const thread = text_at(params, {"threadId"});
  if (!thread.empty() && thread != thread_) return;  // whoever else watches that one answers
  auto const item = text_at(params, {"itemId"});
  json changes;
  for (auto const& [of, what] : changes_)
    if (of == item) changes = what;
  auto const number = request_key(id);
  auto request = request_of((item.empty() ? method : item) + "/" + number, method, params, changes);
  if (!request) {
    // Nobody else may answer it either, and a turn would wait for ever.
    spdlog::warn("agent {}: Codex asks for {}, which is not known here", ctx_.request.agent_id, method);
    emit(Noted{"provider.request_refused", json{{"method", method}}});
    if (connection_) connection_->refuse(id, "agent-runner does not know the request " + method);
    return;
  }
  asks_[number] = {request->key, method, id, params, waiting_text(*request)};
  asked_ = true;
  emit(Asked{std::move(*request)});
  tell_waiting();
}

void CodexSession::on_request_resolved(json const& id) {
  auto const it = asks_.find(request_key(id));
  if (it == asks_.end()) return;
  if (!it->second.answered) emit(AskEnded{it->second.key, true});
  asks_.erase(it);
  tell_waiting();
}

/// The thread's status says that it waits for nobody; of what MCP servers ask it says nothing.
void CodexSession::flags_cleared() {
  auto const of_server = [](auto const& entry) { return entry.second.method.starts_with("mcpServer/"); };
  if (std::ranges::none_of(asks_, of_server)) end_asks();
}

/// Nobody is asked anything any more.
void CodexSession::end_asks() {
  asks_.clear();
  if (std::exchange(asked_, false)) emit(NothingAsked{});
}

void CodexSession::answer(std::string const& key, Answer const& answer) {
  for (auto& [number, ask] : asks_) {
    if (ask.key != key || ask.answered || !answer.decision) continue;
    ask.answered = true;
    tasks_.spawn_vital("answer", tell(ask, answer), ctx_.on_death);
  }
}

awaitable<void> CodexSession::tell(Ask ask, Answer answer) {
  auto const connection = connection_;
  if (!connection) co_return;  // it is asked again on the next one
  auto const turn = turn_;
  if (answer.decision == Decision::deny && !answer.reason.empty() && drops_reason(ask.method) && !turn.empty()) {
    // Given before the denial, it is put before the model together with it.
    auto const text = "Denied (" + ask.waiting_for + "): " + answer.reason;
    json steer{{"threadId", thread_}, {"expectedTurnId", turn}};
    steer["input"] = json::array({json{{"type", "text"}, {"text", text}}});
    auto const steered = co_await connection->call("turn/steer", std::move(steer));
    if (!steered)
      spdlog::warn("agent {}: the model is not told why: {}", ctx_.request.agent_id, steered.error().message);
  }
  if (auto result = result_of(ask.method, ask.params, answer)) {
    connection->respond(ask.id, std::move(*result));
    co_return;
  }
  json interrupt{{"threadId", thread_}, {"turnId", turn}};
  auto const interrupted = co_await connection->call("turn/interrupt", std::move(interrupt));
  if (!interrupted) spdlog::warn("agent {}: {}", ctx_.request.agent_id, interrupted.error().message);
}

/// What a change of files is, is said by its item, not by the request to approve it.
void CodexSession::keep_changes(json const& item) {
  auto const changes = item.find("changes");
  if (changes == item.end()) return;
  changes_.emplace_back(text_at(item, {"id"}), bounded(*changes));
  if (changes_.size() > kChangesKept) changes_.pop_front();
}

}  // namespace ar::adapters::codex
