#include "daemon/api/message_access.hpp"

#include "base/read_json.hpp"

#include <algorithm>
#include <iterator>

namespace ar::daemon {
namespace {

Error not_yours(std::int64_t id) {
  return {ErrorKind::forbidden, "not_your_message",
          "message " + std::to_string(id) + " is neither from this agent nor for it"};
}

}  // namespace

awaitable<Result<Message>> MessageAccess::visible_message(Principal who, std::int64_t id) {
  auto message = co_await bus_.message(id);
  if (!message || who.kind == Principal::Kind::operator_) co_return message;
  auto const agent = supervisor_.find(who.agent_id);
  if (message->from != who.agent_id && !(agent && addressed_to(*message, agent->identity()))) co_return not_yours(id);
  co_return message;
}

awaitable<Result<void>> MessageAccess::check_references(std::string agent, NewMessage message) {
  if (!message.reply_to && !message.payload.contains("taskId") && message.attachments.empty()) co_return Result<void>();
  std::vector<Message> known;
  if (message.reply_to) {
    auto answered = co_await visible_message({Principal::Kind::agent, agent}, *message.reply_to);
    if (!answered) {
      auto error = answered.error();
      error.field = "replyTo";
      co_return error;
    }
    known.push_back(std::move(*answered));
  }
  auto const number = integer_at(message.payload, "taskId");
  if (number <= 0 && message.attachments.empty()) co_return Result<void>();
  relay::MessageFilter filter;
  filter.agent = agent;
  auto own = co_await bus_.messages(filter);
  if (!own) co_return own.error();
  std::ranges::move(*own, std::back_inserter(known));
  for (auto const& id : message.attachments) {
    auto const carries = [&](Message const& one) {
      return std::ranges::find(one.attachments, id, &Attachment::id) != one.attachments.end();
    };
    if (!uploads_.has({agent}, id) && std::ranges::none_of(known, carries))
      co_return Error{ErrorKind::not_found, "unknown_attachment",
                      "agent " + agent + " has no attachment \"" + id.substr(0, 80) + "\"; upload it first",
                      "attachments"};
  }
  if (number <= 0) co_return Result<void>();
  auto const task = co_await bus_.task(number);
  if (!task && task.error().code == "unknown_task") co_return Result<void>();
  if (!task) co_return task.error();
  auto const names_it = [&](Message const& one) {
    if (one.task_id() != number) return false;
    // One's own may have been sent before somebody else made a task of that number.
    return one.from != agent || one.to == task->set_by ||
           std::ranges::find(one.read_by, task->set_by) != one.read_by.end();
  };
  if (task->set_by == agent || std::ranges::any_of(known, names_it)) co_return Result<void>();
  co_return Error{ErrorKind::forbidden, "not_your_task",
                  "task " + std::to_string(number) + " is " + task->set_by + "'s; agent " + agent +
                      " has been told nothing of it and may not send it on",
                  "taskId"};
}

}  // namespace ar::daemon
