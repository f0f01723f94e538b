#include "adapters/command/asks.hpp"

#include <utility>

namespace ar::adapters::command {

Asks::Asks(Executor executor, std::function<void(ProviderEvent)> emit)
    : emit_(std::move(emit)), changed_(std::move(executor)) {}

awaitable<Result<json>> Asks::ask(std::string call, json payload) {
  ApprovalRequest request;
  request.key = call;
  request.tool = one_line(text_at(payload, "tool_name"));
  if (request.tool.empty()) co_return invalid("tool_name", "the PermissionRequest names no tool");
  auto const input = payload.find("tool_input");
  if (input != payload.end()) request.input = bounded(*input);
  request.summary = request.tool;
  for (auto const* name : {"command", "file_path", "path", "url", "description"})
    if (auto const text = text_at(request.input, name); !text.empty()) {
      request.summary += ": " + one_line(text);
      break;
    }
  request.choices = {Decision::approve, Decision::deny};
  auto const mine = std::make_shared<Ask>();
  if (auto& place = asks_[call]; auto const before = std::exchange(place, mine)) before->left = true;  // it came again
  changed_.notify_all();
  WaitingForPerson waiting{"permission for " + request.summary};
  Asked asked{std::move(request)};
  emit_(std::move(asked));
  emit_(std::move(waiting));
  while (!ended_ && !mine->answer && !mine->left) co_await changed_.wait();
  auto const answer = mine->answer;
  if (auto const it = asks_.find(call); it != asks_.end() && it->second == mine) asks_.erase(it);
  if (!ended_ && asks_.empty()) emit_(WaitingOver{});
  json output = json::object();
  if (!answer || !answer->decision) co_return ok(std::move(output));
  output["decision"] = to_string(*answer->decision == Decision::approve ? Decision::approve : Decision::deny);
  if (!answer->reason.empty()) output["reason"] = answer->reason;
  co_return ok(std::move(output));
}

void Asks::answer(std::string const& call, Answer const& answer) {
  auto const it = asks_.find(call);
  if (it == asks_.end() || it->second->answer) return;
  it->second->answer = answer;
  changed_.notify_all();
}

void Asks::left(std::string const& call) {
  auto const it = asks_.find(call);
  if (it == asks_.end() || it->second->answer || ended_) return;
  it->second->left = true;
  AskEnded ended{call, false};
  emit_(std::move(ended));
  changed_.notify_all();
}

void Asks::end() {
  ended_ = true;
  changed_.notify_all();
}

}  // namespace ar::adapters::command
