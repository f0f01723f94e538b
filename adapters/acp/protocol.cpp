#include "adapters/acp/protocol.hpp"

#include "adapters/reset_time.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace ar::adapters::acp {
namespace {

json const& member(json const& object, char const* name) {
  static json const none;
  if (!object.is_object()) return none;
  auto const it = object.find(name);
  return it == object.end() ? none : *it;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool has_any(std::string const& text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](auto word) { return text.find(word) != std::string::npos; });
}

std::int64_t code_of(json const& error) {
  auto const& code = member(error, "code");
  return code.is_number_integer() ? code.get<std::int64_t>() : 0;
}

/// The id of the first option of one of these kinds, in the order of the kinds; empty: it has none.
std::string option_id(json const& params, std::initializer_list<std::string_view> kinds) {
  auto const& options = member(params, "options");
  if (!options.is_array()) return {};
  for (auto const kind : kinds)
    for (auto const& option : options)
      if (text_at(option, "kind") == kind) return text_at(option, "optionId");
  return {};
}

std::string name_of(json const& params, std::string_view kind) {
  auto const& options = member(params, "options");
  if (options.is_array())
    for (auto const& option : options)
      if (text_at(option, "kind") == kind) return text_at(option, "name");
  return {};
}

/// The choices of a select, those in groups too.
void each_value(json const& options, auto const& take) {
  if (!options.is_array()) return;
  for (auto const& option : options) {
    if (auto const& inner = member(option, "options"); inner.is_array())
      each_value(inner, take);
    else if (!text_at(option, "value").empty())
      take(text_at(option, "value"), text_at(option, "name"));
  }
}

}  // namespace

std::string text_of(json const& content) {
  if (content.is_string()) return content.get<std::string>();
  if (content.is_array()) {
    std::string all;
    for (auto const& part : content) all += text_of(part);
    return all;
  }
  if (auto const& inner = member(content, "content"); inner.is_structured()) return text_of(inner);
  return text_at(content, "text");
}

bool is_of_turn(std::string_view update) {
  constexpr std::array<std::string_view, 6> kinds{
      "agent_message_chunk", "agent_thought_chunk", "tool_call", "tool_call_update", "plan", "user_message_chunk"};
  return std::ranges::find(kinds, update) != kinds.end();
}

std::string error_text(json const& error) {
  auto text = text_at(error, "message");
  auto const& data = member(error, "data");
  std::string more = data.is_string() ? data.get<std::string>() : std::string();
  for (auto const* name : {"details", "message", "error"})
    if (more.empty()) more = text_at(data, name);
  if (!more.empty() && more != text) text += (text.empty() ? "" : ": ") + more;
  return text.empty() ? "the agent answered with an error without words" : text;
}

std::string error_kind(json const& error) {
  if (code_of(error) == -32000) return "authentication_failed";
  auto const text = lower(error_text(error) + " " + to_text(member(error, "data")));
  auto const& status = member(member(error, "data"), "status");
  auto const is = [&](std::int64_t wanted) {
    auto const number = std::to_string(wanted);
    return code_of(error) == wanted || (status.is_number_integer() && status.get<std::int64_t>() == wanted) ||
           has_any(text, {"status " + number, "status: " + number, "status\":" + number, "code\":" + number,
                          "[api error: " + number, "error: " + number, "error " + number, "(" + number + ")",
                          "got status: " + number, "http " + number});
  };
  if (has_any(text, {"usage limit", "quota exceeded", "exceeded your current quota", "insufficient_quota"}))
    return "usage_limit";
  if (is(429) || has_any(text, {"rate limit", "rate_limit", "too many requests", "resource_exhausted"}))
    return "rate_limit";
  if (is(401) || is(403) || has_any(text, {"unauthorized", "authentication", "api key not valid", "invalid api key"}))
    return "authentication_failed";
  if (is(529) || is(503) || has_any(text, {"overloaded", "unavailable"})) return "overloaded";
  if (has_any(text, {"econnrefused", "econnreset", "enotfound", "fetch failed", "connection error", "etimedout"}))
    return "connection_failed";
  if (is(500) || is(502) || is(504) || has_any(text, {"internal server error", "bad gateway"})) return "server_error";
  return "unknown";
}

bool is_not_taken(json const& error) {
  auto const code = code_of(error);
  return code == -32700 || code == -32600 || code == -32601 || code == -32602 || code == -32002 || code == -32800;
}

TurnEnded turn_end(json const& answer, std::string final_text) {
  TurnEnded end;
  end.final_text = std::move(final_text);
  if (auto const& error = member(answer, "error"); error.is_object()) {
    end.outcome = TurnEnded::Outcome::failed;
    end.error = error_text(error);
    end.error_kind = error_kind(error);
    end.resets_at = reset_time_in(end.error, wall_now());
    return end;
  }
  auto const reason = text_at(member(answer, "result"), "stopReason");
  if (reason == "cancelled") {
    end.outcome = TurnEnded::Outcome::interrupted;
    end.error = "the turn was interrupted";
  } else if (reason == "refusal" || reason == "max_tokens" || reason == "max_turn_requests") {
    end.outcome = TurnEnded::Outcome::failed;
    end.error_kind = reason;
    end.error = "the agent stopped: " + reason;
  }
  return end;
}

ApprovalRequest approval_of(std::string key, json const& params) {
  auto const& call = member(params, "toolCall");
  ApprovalRequest request;
  request.key = std::move(key);
  request.tool = text_at(call, "kind");
  if (request.tool.empty()) request.tool = "tool";
  auto const title = text_at(call, "title");
  request.summary = one_line(title.empty() ? request.tool : title);
  json input = json::object();
  if (auto const& raw = member(call, "rawInput"); raw.is_object()) input = raw;
  if (!title.empty()) input.emplace("title", title);
  if (auto const& places = member(call, "locations"); places.is_array() && !places.empty())
    input.emplace("locations", places);
  request.input = bounded(input);
  if (!option_id(params, {"allow_once", "allow_always"}).empty()) request.choices.push_back(Decision::approve);
  if (auto const always = name_of(params, "allow_always"); !option_id(params, {"allow_always"}).empty()) {
    request.choices.push_back(Decision::approve_session);
    if (!always.empty()) request.session_grant.push_back(one_line(always));
  }
  if (!option_id(params, {"reject_once", "reject_always"}).empty()) request.choices.push_back(Decision::deny);
  request.choices.push_back(Decision::abort);
  return request;
}

json outcome_for(json const& params, std::optional<Decision> decision) {
  std::string option;
  if (decision == Decision::approve) option = option_id(params, {"allow_once", "allow_always"});
  if (decision == Decision::approve_session) option = option_id(params, {"allow_always", "allow_once"});
  if (decision == Decision::deny) option = option_id(params, {"reject_once", "reject_always"});
  if (option.empty()) return {{"outcome", {{"outcome", "cancelled"}}}};
  return {{"outcome", {{"outcome", "selected"}, {"optionId", option}}}};
}

std::optional<ContextUse> context_use(json const& update) {
  auto const& used = member(update, "used");
  auto const& size = member(update, "size");
  if (!used.is_number() || !size.is_number() || size.get<double>() < 1 || used.get<double>() < 0 ||
      size.get<double>() > 1e12 || used.get<double>() > 1e12)
    return std::nullopt;
  ContextUse use;
  use.tokens = static_cast<std::int64_t>(used.get<double>());
  use.window = static_cast<std::int64_t>(size.get<double>());
  use.utilization = std::min(used.get<double>() / size.get<double>(), 1.0);
  use.source = "api";
  use.confidence = "reported";
  auto const& cost = member(update, "cost");
  if (auto const& amount = member(cost, "amount");
      amount.is_number() && amount.get<double>() >= 0 && text_at(cost, "currency") == "USD")
    use.cost_usd = amount.get<double>();
  return use;
}

std::optional<Noted> tool_event(json const& update) {
  bool const begins = text_at(update, "sessionUpdate") == "tool_call";
  auto const status = text_at(update, "status");
  bool const failed = status == "failed";
  if (!begins && status != "completed" && !failed) return std::nullopt;
  json data{{"id", text_at(update, "toolCallId")}};
  auto const kind = text_at(update, "kind");
  data["tool"] = kind.empty() ? "tool" : kind;
  if (auto const title = text_at(update, "title"); !title.empty()) data["name"] = one_line(title);
  return Noted{begins ? "tool.started" : failed ? "tool.failed" : "tool.finished", std::move(data)};
}

json const* option_of(json const& session, std::string_view category) {
  auto const& options = member(session, "configOptions");
  if (!options.is_array()) return nullptr;
  for (auto const& option : options)
    if (text_at(option, "category") == category) return &option;
  for (auto const& option : options)
    if (text_at(option, "id") == category) return &option;
  return nullptr;
}

std::string value_named(json const& option, std::string const& name) {
  std::string by_id, by_name;
  each_value(member(option, "options"), [&](std::string const& value, std::string const& shown) {
    if (value == name) by_id = value;
    if (by_name.empty() && lower(shown) == lower(name)) by_name = value;
  });
  return by_id.empty() ? by_name : by_id;
}

std::string values_of(json const& option) {
  std::string all;
  std::size_t count = 0;
  each_value(member(option, "options"), [&](std::string const& value, std::string const&) {
    if (++count <= 20) all += (all.empty() ? "" : ", ") + value;
  });
  return count > 20 ? all + " and " + std::to_string(count - 20) + " more" : all;
}

std::string request_key(json const& id) { return id.is_string() ? "s" + id.get<std::string>() : to_text(id); }

}  // namespace ar::adapters::acp
