#include "cli/message_view.hpp"

#include "cli/context.hpp"
#include "cli/text.hpp"

#include <algorithm>

namespace ar::cli {
namespace {

Colour colour_of(std::string const& state) {
  if (state == "done" || state == "accepted") return Colour::green;
  if (state == "failed" || state == "refused") return Colour::red;
  if (state == "unknown" || state == "unverified" || state == "held") return Colour::yellow;
  return Colour::none;
}

std::string reason_of(json const& delivery) {
  auto reason = field(delivery, "held");
  return reason.empty() ? field(delivery, "reason") : reason;
}

std::string padded(std::string text, std::size_t width, bool right = false) {
  auto const used = display_width(text);
  if (used >= width) return text;
  std::string const fill(width - used, ' ');
  return right ? fill + text : text + fill;
}

/// Text of others, every line of it marked, so that none can pass for one of ours.
std::string quoted(std::string const& shown) {
  std::string out;
  for (std::size_t at = 0; at < shown.size();) {
    auto const end = std::min(shown.find('\n', at), shown.size());
    out += "  | " + shown.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

/// What its deliveries tell people to do, as it is done from here.
json with_hints(Context const& context, json message) {
  if (message.contains("deliveries"))
    for (auto& delivery : message["deliveries"])
      for (auto const* name : {"reason", "held"})
        if (auto const text = field(delivery, name); !text.empty()) delivery[name] = context.hints(text);
  return message;
}

}  // namespace

json const& message_in(json const& answer) {
  if (answer.is_object() && answer.contains("message") && answer["message"].is_object()) return answer["message"];
  return answer;
}

std::string life_text(json const& message, bool colour) {
  std::string out;
  for (auto const& delivery : array(message, "deliveries")) {
    auto const state = field(delivery, "state");
    out += single_line(field(delivery, "agent")) + ": " + paint(state, colour_of(state), colour);
    if (auto const reason = reason_of(delivery); state != "done" && !reason.empty())
      out += " (" + single_line(reason) + ")";
    if (auto const attempts = number(delivery, "attempts"); attempts > 1)
      out += ", attempt " + std::to_string(attempts);
    out += "\n";

    std::optional<WallTime> first, before;
    for (auto const& step : array(delivery, "steps")) {
      auto const at = step.contains("at") ? time_of(step["at"]) : std::nullopt;
      if (!first) first = at;
      auto const since_first = at && first ? "+" + duration(*at - *first) : "";
      auto const since_before = at && before ? duration(*at - *before) : "";
      auto const name = single_line(field(step, "step"));
      out += "  " + (at ? clock_text(*at) : std::string(12, ' ')) + padded(since_first, 10, true) + "  " +
             (since_before.empty() ? name : padded(name, 12) + " after " + since_before) + "\n";
      before = at;
    }
    if (auto const proof = field(delivery, "proof"); !proof.empty()) out += "  proof: " + single_line(proof) + "\n";
    if (auto const road = field(delivery, "road"); !road.empty()) out += "  road: " + single_line(road) + "\n";
    if (auto const outcome = field(delivery, "outcome"); !outcome.empty())
      out += "  outcome: " + single_line(outcome) + "\n";
    if (auto const screen = field(delivery, "screen"); !screen.empty() && state == "unknown")
      out += "  the terminal's screen at that time:\n" + quoted(printable(screen));
  }
  if (out.empty()) out = "no agent has it yet: it waits on the bus\n";
  return out;
}

void print_message(Context const& context, json const& message) {
  auto const created = message.contains("createdAt") ? time_of(message["createdAt"]) : std::nullopt;
  std::string head = "message " + field(message, "id") + " from " + single_line(field(message, "from")) + " to " +
                     single_line(field(message, "to"));
  context.print(paint(head, Colour::bold, context.colour()));
  if (created) context.print("  " + date_text(*created) + " (" + age(wall_now() - *created) + " ago)");
  context.print("\n");
  auto const line = [&](char const* name, std::string const& value) {
    if (!value.empty()) context.print(padded(name, 10) + single_line(value) + "\n");
  };
  if (auto const kind = field(message, "kind"); kind != "chat") line("kind", kind);
  line("subject", field(message, "subject"));
  line("answers", field(message, "replyTo"));
  for (auto const& attachment : array(message, "attachments"))
    line("file", field(attachment, "name") + " (" + size_text(number(attachment, "size")) + ")");
  context.print("\n");
  auto const foreign = [&](std::string const& text) { return quoted(context.terminal() ? printable(text) : text); };
  context.print(foreign(field(message, "body")) + "\n" + life_text(with_hints(context, message), context.colour()));
  for (auto const& reply : array(message, "replies")) {
    context.print("reply " + field(reply, "id") + " from " + single_line(field(reply, "from")) + ":\n");
    context.print(foreign(field(reply, "body")));
  }
  for (auto const& reaction : array(message, "reactions"))
    context.print("reaction from " + single_line(field(reaction, "by")) + ": " + single_line(field(reaction, "word")) +
                  "\n");
  // A turn's final text that is no message of its own.
  if (array(message, "replies").empty())
    for (auto const& delivery : array(message, "deliveries"))
      if (auto const text = field(delivery, "finalText"); !text.empty())
        context.print("answer of " + single_line(field(delivery, "agent")) + ":\n" + foreign(text));
}

bool is_answer(json const& message, json const& reply) {
  auto const from = field(reply, "from");
  auto const& readers = array(message, "readBy");
  return from == field(message, "to") || std::ranges::find(readers, json(from)) != readers.end() ||
         std::ranges::any_of(array(message, "deliveries"),
                             [&](json const& delivery) { return field(delivery, "agent") == from; });
}

bool says_why_not(json const& reply) {
  auto const payload = reply.find("payload");
  auto const outcome = payload == reply.end() ? std::string() : field(*payload, "outcome");
  return !outcome.empty() && outcome != "cut";
}

Outcome outcome_of(json const& message, bool until_done) {
  auto const id = field(message, "id");
  auto const& deliveries = array(message, "deliveries");
  if (deliveries.empty())  // an agent of another daemon has it
    for (auto const& reply : array(message, "replies"))
      if (says_why_not(reply)) return {exit_failed, single_line(field(reply, "body"))};
  if (deliveries.empty() && !array(message, "readBy").empty()) return {};  // by an agent of another daemon
  if (deliveries.empty())
    return {exit_done, "message " + id + " waits on the bus: no agent is there to take it; agent-runner ps -a"};
  for (auto const& delivery : deliveries) {
    auto const state = field(delivery, "state");
    auto const who = field(delivery, "agent");
    auto const reason = reason_of(delivery);
    auto const because = reason.empty() ? std::string() : ": " + reason;
    if (state == "failed" || state == "refused")
      return {exit_failed,
              "message " + id + " " + state + " at " + who + because + "; see agent-runner message show " + id};
    if (state == "unknown" || state == "unverified")
      return {exit_failed, "message " + id + " was given to " + who + ", but nothing shows that it took it (" + state +
                               because + "); look: agent-runner screen " + who};
    if (auto const outcome = field(delivery, "outcome");
        until_done && (outcome == "failed" || outcome == "interrupted"))
      return {exit_failed, "the turn of message " + id + " at " + who + " " +
                               (outcome == "failed" ? "failed" : "was interrupted") + because +
                               "; see agent-runner message show " + id};
  }
  return {};
}

std::string summary_of(json const& message) {
  auto const& deliveries = array(message, "deliveries");
  std::string out;
  if (deliveries.empty())
    for (auto const& reader : array(message, "readBy"))
      out += (out.empty() ? "read by " : ", ") + (reader.is_string() ? reader.get<std::string>() : "");
  for (auto const& delivery : deliveries) {
    if (!out.empty()) out += ", ";
    if (deliveries.size() > 1) out += field(delivery, "agent") + " ";
    auto const state = field(delivery, "state");
    auto const reason = reason_of(delivery);
    bool const has_why = state == "held" || state == "failed" || state == "refused" || state == "unknown";
    out += state + (has_why && !reason.empty() ? ": " + reason : "");
  }
  return out;
}

}  // namespace ar::cli
