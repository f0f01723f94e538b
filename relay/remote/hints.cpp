#include "relay/remote/hints.hpp"

#include "relay/message_json.hpp"
#include "relay/remote/answers.hpp"

#include <algorithm>

namespace ar::relay::remote {

Result<void> Hints::take(json const& frame) {
  auto const type = text_at(frame, "type"), agent = text_at(frame, "agentId"), runner = text_at(frame, "componentId");
  Subscribers::Only const only{agent, frame.contains("componentId") ? &runner : nullptr};
  if (type == "message.new" && frame.contains("message")) {
    auto const message = message_from(frame["message"]);
    if (!message) return message.error();
    ++count_;
    last_seen_ = std::max(last_seen_, message->id);
    subscribers_->announce(*message, &only);
  } else if (type == "command" && frame.contains("command")) {
    auto const command = command_from(frame["command"]);
    if (!command) return command.error();
    ++count_;
    subscribers_->announce(*command, &only);
  }
  return {};
}

awaitable<bool> Hints::catch_up(Bus& bus) {
  bool whole = true;
  for (auto const& [who, runner] : subscribers()) {
    Subscribers::Only const only{who.agent_id, &runner};
    auto const missed = co_await bus.unread(who, 1000);
    whole = whole && !is_away(missed);
    if (missed)
      for (auto const& message : *missed) subscribers_->announce(message, &only);
    std::vector<std::string> targets{who.agent_id};
    if (runner != who.agent_id && !runner.empty()) targets.push_back(runner);
    auto const commands = co_await bus.commands_for(std::move(targets));
    whole = whole && !is_away(commands);
    if (commands)
      for (auto const& command : *commands) subscribers_->announce(command, &only);
  }
  co_return whole;
}

}  // namespace ar::relay::remote
