#include "daemon/delivery/delivery.hpp"

#include "daemon/delivery/answer.hpp"
#include "daemon/store/message_files.hpp"

#include <algorithm>
#include <array>

namespace ar::daemon {
namespace {

/// How it went into the provider the last time, by its steps; empty: not yet, or by the provider's protocol.
std::string_view road_of(Delivery const& d) {
  for (auto step = d.steps.rbegin(); step != d.steps.rend(); ++step) {
    if (step->first == "typed") return "terminal";
    if (step->first == "written") return "socket";
    if (step->first == "offered") return "hook";
  }
  return {};
}

}  // namespace

bool Delivery::is_notice() const {
  constexpr std::array<std::string_view, 4> kKinds{"notice", "result", "expired", "dead-letter"};
  bool const is_work = claimable || task || reply_requested || !output_schema.empty();
  return !is_local() && !urgent && !is_work && !offered_in_vain && std::ranges::find(kKinds, kind) != kKinds.end();
}

adapters::Prompt prompt_of(Delivery const& d, std::filesystem::path const& files) {
  adapters::Prompt prompt;
  prompt.message_id = d.is_local() ? 0 : d.message;
  prompt.correlation_id = d.correlation_id;
  prompt.from = d.from;
  prompt.kind = d.kind;
  prompt.subject = d.subject;
  prompt.urgent = d.urgent;
  prompt.reply_requested = d.reply_requested;
  prompt.is_notice = d.is_notice();
  prompt.body_file = files / body_file_name(d.message, d.store);
  return prompt;
}

bool is_definite(Error const& error) {
  return error.kind == ErrorKind::conflict || error.kind == ErrorKind::not_found || error.kind == ErrorKind::invalid ||
         error.kind == ErrorKind::too_large;
}

Clock::duration retry_wait(int attempts) {
  using namespace std::chrono_literals;
  return std::min<Clock::duration>(30s, 500ms * (1 << std::clamp(attempts - 1, 0, 6)));
}

bool Delivery::must_report() const {
  if (is_local()) return false;
  // Work that this agent refuses, or cannot prove that it has, may be another's; whoever waits for this one's reply
  // must hear of it.
  if (state == DeliveryState::refused || state == DeliveryState::unverified)
    return reply_requested && !claimable && !reported;
  return is_taken() && (!acknowledged || (has_ended() && !reported));
}

Delivery new_delivery(Message message) {
  Delivery d;
  d.message = message.id;
  d.from = message.from;
  d.kind = message.kind;
  d.subject = message.subject;
  d.urgent = message.urgent();
  d.reply_requested = message.reply_requested();
  d.claimable = message.claimable;
  d.task = message.task_id();
  d.output_schema = output_schema_of(message.payload);
  d.steps.emplace_back("sent", message.created_at);
  d.step("queued");
  d.content = std::move(message);
  return d;
}

json to_json(Delivery const& d, std::string const& agent) {
  json steps = json::array();
  for (auto const& [name, at] : d.steps) steps.push_back({{"step", name}, {"at", to_iso8601(at)}});
  bool const held = d.state == DeliveryState::queued && !d.held.empty();
  json shown = {
      {"agent", agent},         {"message", d.message},           {"state", held ? "held" : to_string(d.state)},
      {"attempts", d.attempts}, {"acknowledged", d.acknowledged}, {"steps", std::move(steps)}};
  if (held)
    shown["reason"] = d.held;
  else if (d.state == DeliveryState::done)
    shown["finalText"] = d.reason;
  else if (!d.reason.empty())
    shown["reason"] = d.reason;
  if (d.state == DeliveryState::done || d.state == DeliveryState::failed) shown["reported"] = d.reported;
  if (!d.code.empty()) shown["code"] = d.code;
  if (!d.proof.empty()) shown["proof"] = d.proof;
  if (auto const road = road_of(d); !road.empty()) shown["road"] = road;
  if (!d.screen.empty()) shown["screen"] = d.screen;
  if (d.turn > 0) shown["turn"] = d.turn;
  if (d.repairs > 0) shown["repairs"] = d.repairs;
  if (d.retries > 0) shown["retries"] = d.retries;
  if (auto output = parse_json(d.output)) shown["output"] = std::move(*output);
  return shown;
}

json to_journal(Delivery const& d) {
  json steps = json::array();
  for (auto const& [name, at] : d.steps) steps.push_back(json::array({name, to_millis(at)}));
  json stored = {{"message", d.message},
                 {"state", to_string(d.state)},
                 {"correlationId", d.correlation_id},
                 {"reason", d.reason},
                 {"proof", d.proof},
                 {"screen", d.screen},
                 {"attempts", d.attempts},
                 {"steps", std::move(steps)},
                 {"acknowledged", d.acknowledged},
                 {"reported", d.reported},
                 {"claimToken", d.claim_token},
                 {"turn", d.turn},
                 {"continues", d.continues},
                 {"from", d.from},
                 {"kind", d.kind},
                 {"urgent", d.urgent},
                 {"replyRequested", d.reply_requested},
                 {"claimable", d.claimable},
                 {"localBody", d.local_body}};
  if (d.task) stored["task"] = *d.task;
  if (d.subject) stored["subject"] = *d.subject;
  if (!d.output_schema.empty()) stored["outputSchema"] = d.output_schema;
  if (d.answer) stored["answer"] = *d.answer;
  if (d.repairs > 0) stored["repairs"] = d.repairs;
  if (d.cut_off > 0) stored["cutOff"] = d.cut_off;
  if (d.went_on > 0) stored["wentOn"] = d.went_on;
  if (d.retries > 0) stored["retries"] = d.retries;
  if (!d.code.empty()) stored["code"] = d.code;
  if (!d.output.empty()) stored["output"] = d.output;
  return stored;
}

Delivery delivery_from_journal(json const& s) {
  Delivery d;
  d.message = s.value("message", MessageId{0});
  d.state = delivery_state_from(s.value("state", "")).value_or(DeliveryState::unknown);
  d.correlation_id = s.value("correlationId", "");
  d.reason = s.value("reason", "");
  d.proof = s.value("proof", "");
  d.screen = s.value("screen", "");
  d.attempts = s.value("attempts", 0);
  for (auto const& step : s.value("steps", json::array()))
    d.steps.emplace_back(step.at(0).get<std::string>(), from_millis(step.at(1).get<std::int64_t>()));
  d.acknowledged = s.value("acknowledged", false);
  d.reported = s.value("reported", false);
  d.claim_token = s.value("claimToken", "");
  d.turn = s.value("turn", std::int64_t{0});
  d.continues = s.value("continues", d.continues);
  d.from = s.value("from", "");
  d.kind = s.value("kind", "");
  d.urgent = s.value("urgent", false);
  d.reply_requested = s.value("replyRequested", false);
  d.claimable = s.value("claimable", false);
  d.local_body = s.value("localBody", "");
  if (s.contains("task")) d.task = s.at("task").get<std::int64_t>();
  if (s.contains("subject")) d.subject = s.at("subject").get<std::string>();
  d.output_schema = s.value("outputSchema", "");
  if (s.contains("answer")) d.answer = s.at("answer").get<std::string>();
  d.repairs = s.value("repairs", 0);
  d.cut_off = s.value("cutOff", std::int64_t{0});
  d.went_on = s.value("wentOn", 0);
  d.retries = s.value("retries", 0);
  d.code = s.value("code", "");
  d.output = s.value("output", "");
  return d;
}

}  // namespace ar::daemon
