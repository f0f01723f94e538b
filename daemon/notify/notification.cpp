#include "daemon/notify/notification.hpp"

#include "base/unicode.hpp"
#include "model/notify_rule.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ar::daemon {
namespace {

constexpr std::size_t kMostText = 300;  ///< of one, in bytes
constexpr std::size_t kLines = 8;       ///< of a notice

/// One line, without what steers a screen, and not too long.
std::string short_line(std::string_view text) {
  auto line = log_line(text);
  if (line.size() <= kMostText) return line;
  auto end = kMostText;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
  return line.substr(0, end) + "...";
}

std::string word(json const& data, char const* name) {
  auto const it = data.find(name);
  if (it == data.end() || it->is_null()) return {};
  return it->is_string() ? it->get<std::string>() : it->dump();
}

std::string joined(std::string const& first, std::string const& second) {
  return first.empty() || second.empty() ? first + second : first + "\n" + second;
}

std::string message_of(json const& data) { return "message " + word(data, "message"); }

void read_approval(json const& data, Notification& told) {
  auto const id = word(data, "id"), kind = word(data, "kind");
  told.approval = id;
  auto const what =
      word(data, "name").empty() ? word(data, "summary") : word(data, "name") + ": " + word(data, "summary");
  bool const question = kind == "question";
  told.title = kind == "budget" ? "A budget is used up"
               : question       ? told.agent + " has a question"
                                : told.agent + " waits for your decision";
  told.text = joined(short_line(what), question ? "agent-runner answer " + id + " ..."
                                                : "agent-runner approve " + id + ", or deny " + id);
}

void read_limit(json const& data, Notification& told) {
  auto const account = word(data, "account");
  if (word(data, "kind") == "login") {
    told.kind = "login";
    told.title = "A login has ended: " + account;
    told.text = joined("its agents wait until somebody logs in", short_line(word(data, "login")));
    return;
  }
  told.title = "A usage limit is reached: " + account;
  auto const until = word(data, "until");
  told.text = joined("its agents wait" + (until.empty() ? std::string() : " until " + until),
                     "agent-runner limits release " + account + " tries at once");
}

void read_budget(json const& data, bool reached, Notification& told) {
  told.title = "Budget " + word(data, "budget") + (reached ? " is used up" : ": 80 % are used");
  told.text =
      word(data, "used") + " of " + word(data, "limit") + " " + word(data, "unit") + " per " + word(data, "period");
}

}  // namespace

std::optional<Notification> notification_of(json const& event) {
  auto const type = text_at(event, "type");
  auto const& data = object_at(event, "data");
  Notification told;
  told.agent = text_at(event, "agent");
  told.event = event.value("number", std::int64_t{0});
  told.at = from_iso8601(text_at(event, "at")).value_or(WallTime());
  if (type == "approval.created") {
    told.kind = word(data, "kind") == "budget" ? "budget" : "needs_input";
    read_approval(data, told);
  } else if (type == "limit.reached") {
    told.kind = "limit";
    read_limit(data, told);
  } else if (type == "budget.warning") {  // used up: the approval tells it
    told.kind = "budget";
    read_budget(data, false, told);
  } else if (type == "agent.state" && word(data, "state") == "failed") {
    told.kind = "gave_up";
    told.title = told.agent + " has failed";
    told.text = joined(short_line(word(data, "reason")), "agent-runner restart " + told.agent);
  } else if (type == "agent.stalled") {
    told.kind = "stalled";
    told.title = told.agent + " stands still";
    told.text = "no sign of life in its turn; agent-runner screen " + told.agent;
  } else if (type == "message.failed" || type == "message.unknown") {
    told.kind = "failed";
    told.title =
        told.agent + ": " + message_of(data) + (type == "message.failed" ? " has failed" : " may have been lost");
    told.text = joined(short_line(word(data, "reason")), "agent-runner message show " + word(data, "message"));
  } else if (type == "schedule.failed") {
    told.kind = "schedule";
    told.title = "A schedule has failed: " + word(data, "schedule");
    told.text = joined(short_line(word(data, "reason")), "agent-runner schedule show " + word(data, "schedule"));
  } else if (type == "webhook.gave_up" || type == "webhook.gone" || type == "callback.gave_up") {
    told.kind = "dead_letter";
    told.title = type == "callback.gave_up" ? "A session's end could not be told"
                                            : "Webhook " + word(data, "webhook") + " takes nothing";
    told.text = joined(short_line(word(data, "reason")), "agent-runner webhook list");
  } else if (type == "runtime.recovered") {
    told.kind = "recovered";
    told.title = "The agents are back after a " + word(data, "cause");
    told.text = "agent-runner events --since-boot says what is known of their work";
  } else if (type == "message.done" && word(data, "from") == "operator") {
    told.kind = "done";
    told.title = told.agent + " is done with " + message_of(data);
    told.text = "agent-runner message show " + word(data, "message");
  } else {
    return std::nullopt;
  }
  return told;
}

std::string approval_over(json const& event) {
  auto const type = text_at(event, "type");
  bool const over = type == "approval.answered" || type == "approval.expired" || type == "approval.withdrawn";
  return over ? word(object_at(event, "data"), "id") : std::string();
}

Notice notice_of(std::vector<Notification> parts, std::int64_t more) {
  auto const order = [](Notification const& one) {
    return std::pair(std::ranges::find(kNotifyKinds, one.kind) - std::begin(kNotifyKinds), one.event);
  };
  std::ranges::sort(parts, {}, order);
  Notice notice;
  if (parts.empty()) return notice;
  notice.kind = parts.front().kind;
  notice.more = more;
  if (parts.size() == 1 && more == 0) {
    notice.title = parts.front().title;
    notice.text = parts.front().text;
  } else {
    notice.title =
        parts.front().title + ", and " + std::to_string(static_cast<std::int64_t>(parts.size()) - 1 + more) + " more";
    for (std::size_t i = 0; i < parts.size() && i < kLines; ++i) {
      auto const hint = parts[i].text.rfind('\n');
      notice.text +=
          (i == 0 ? "" : "\n") + parts[i].title +
          (parts[i].text.empty() ? "" : ": " + parts[i].text.substr(hint == std::string::npos ? 0 : hint + 1));
    }
    auto const left = static_cast<std::int64_t>(parts.size() > kLines ? parts.size() - kLines : 0) + more;
    if (left > 0) notice.text += "\nand " + std::to_string(left) + " more: agent-runner ps, agent-runner events";
  }
  notice.parts = std::move(parts);
  return notice;
}

}  // namespace ar::daemon
