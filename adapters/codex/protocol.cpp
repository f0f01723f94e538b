#include "adapters/codex/protocol.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace ar::adapters::codex {
namespace {

constexpr std::string_view kClientIdPrefix = "ar-";
constexpr std::size_t kCommandShown = 4096;

std::string snake_case(std::string_view name) {
  std::string out;
  for (char const c : name) {
    if (c >= 'A' && c <= 'Z') {
      if (!out.empty()) out += '_';
      out += static_cast<char>(c - 'A' + 'a');
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string client_id(std::string_view correlation_id) {
  return std::string(kClientIdPrefix) + std::string(correlation_id);
}

std::string correlation_id_of(std::string_view client_id) {
  return client_id.starts_with(kClientIdPrefix) ? std::string(client_id.substr(kClientIdPrefix.size())) : std::string();
}

std::string error_kind(json const& info) {
  std::string name;
  std::int64_t status = 0;
  if (info.is_string()) name = info.get<std::string>();
  if (info.is_object() && !info.empty()) {
    name = info.begin().key();
    if (auto const& detail = info.begin().value(); detail.is_object())
      for (auto const* key : {"httpStatusCode", "http_status_code"})
        if (auto const code = detail.find(key); code != detail.end() && code->is_number_integer())
          status = code->get<std::int64_t>();
  }
  name = snake_case(name);  // as the record has it; the server says it in camelCase
  if (status == 401 || status == 403 || name == "unauthorized") return "authentication_failed";
  if (status == 429 || name == "response_too_many_failed_attempts") return "rate_limit";
  if (name == "usage_limit_exceeded") return "usage_limit";
  if (name == "context_window_exceeded") return "context_window";
  if (status == 529 || name == "server_overloaded") return "overloaded";
  if (status >= 500 || name == "internal_server_error") return "server_error";
  if (name == "http_connection_failed" || name == "response_stream_connection_failed" ||
      name == "response_stream_disconnected")
    return status == 0 ? "connection_failed" : "http_error";
  return name.empty() ? "unknown" : name;
}

std::optional<TurnEnded> turn_end(json const& turn, std::string const& last_text) {
  auto const status = text_at(turn, {"status"});
  TurnEnded end;
  end.final_text = last_text;
  if (auto const items = turn.find("items"); items != turn.end() && items->is_array())
    for (auto const& item : *items)
      if (text_at(item, {"type"}) == "agentMessage") end.final_text = text_at(item, {"text"});
  if (status == "completed") return end;
  if (status == "interrupted") {
    end.outcome = TurnEnded::Outcome::interrupted;
    end.error = "the turn was interrupted";
    return end;
  }
  if (status != "failed") return std::nullopt;
  end.outcome = TurnEnded::Outcome::failed;
  auto const error = turn.find("error");
  if (error != turn.end() && error->is_object()) {
    end.error = text_at(*error, {"message"});
    if (auto const details = text_at(*error, {"additionalDetails"}); !details.empty())
      end.error += " (" + details + ")";
    if (auto const info = error->find("codexErrorInfo"); info != error->end()) end.error_kind = error_kind(*info);
  }
  if (end.error.empty()) end.error = "the turn failed without saying why";
  if (end.error_kind.empty()) end.error_kind = "unknown";
  return end;
}

Retrying retrying(json const& error, int attempt) {
  Retrying retry;
  retry.attempt = attempt;
  retry.error = text_at(error, {"message"});
  if (auto const details = text_at(error, {"additionalDetails"}); !details.empty()) retry.error += " (" + details + ")";
  if (auto const info = error.find("codexErrorInfo"); info != error.end()) retry.error_kind = error_kind(*info);
  // "Reconnecting... 2/5"; without the numbers it waits for the network.
  int said = 0, most = 0;
  auto const at = retry.error.find("... ");
  if (at != std::string::npos && std::sscanf(retry.error.c_str() + at, "... %4d/%4d", &said, &most) == 2) {
    retry.attempt = said;
    retry.most = most;
  } else if (retry.error.find("waiting for network") != std::string::npos) {
    retry.error_kind = "connection_failed";
  }
  return retry;
}

std::optional<WallTime> limit_end(json const& rate_limits) {
  std::optional<WallTime> end;
  for (auto const* name : {"primary", "secondary"}) {
    auto const& window = object_at(rate_limits, name);
    auto const used = window.find("usedPercent");
    auto const resets = window.find("resetsAt");
    if (used == window.end() || !used->is_number() || used->get<double>() < 100) continue;
    if (resets == window.end() || !resets->is_number_integer()) continue;
    auto const seconds = resets->get<std::int64_t>();
    if (seconds <= 0 || seconds >= 100'000'000'000) continue;  // no time in seconds
    auto const at = from_millis(seconds * 1000);
    end = std::max(end.value_or(at), at);
  }
  return end;
}

std::optional<ContextUse> context_use(json const& usage) {
  if (!usage.is_object()) return std::nullopt;
  auto const window = usage.find("modelContextWindow");
  auto const last = usage.find("last");
  if (window == usage.end() || !window->is_number_integer() || last == usage.end() || !last->is_object())
    return std::nullopt;
  auto const tokens = last->find("totalTokens");
  if (tokens == last->end() || !tokens->is_number_integer()) return std::nullopt;
  ContextUse use;
  use.window = window->get<std::int64_t>();
  use.tokens = tokens->get<std::int64_t>();
  if (use.window <= 0) return std::nullopt;
  use.utilization = static_cast<double>(use.tokens) / static_cast<double>(use.window);
  use.source = "api";
  use.confidence = "reported";
  return use;
}

ThreadStatus thread_status(json const& status) {
  ThreadStatus out;
  auto const type = text_at(status, {"type"});
  out.loaded = type != "notLoaded";
  out.active = type == "active";
  if (auto const flags = status.is_object() ? status.find("activeFlags") : status.end();
      status.is_object() && flags != status.end() && flags->is_array()) {
    out.waits_for_approval = std::ranges::find(*flags, json("waitingOnApproval")) != flags->end();
    out.waits_for_input = std::ranges::find(*flags, json("waitingOnUserInput")) != flags->end();
  }
  return out;
}

bool is_subagent(json const& thread) {
  return !text_at(thread, {"parentThreadId"}).empty() || object_at(thread, "source").contains("subAgent");
}

WorkStarted subagent_of(json const& thread) {
  return {"subagent", text_at(thread, {"id"}), text_at(thread, {"agentNickname"}), text_at(thread, {"agentRole"}),
          text_at(thread, {"parentThreadId"})};
}

std::string request_key(json const& id) { return id.is_string() ? "s" + id.get<std::string>() : to_text(id); }

std::optional<Noted> tool_event(bool finished, json const& item) {
  constexpr std::array<std::string_view, 7> kTools{"commandExecution", "fileChange", "mcpToolCall",
                                                   "dynamicToolCall",  "webSearch",  "collabAgentToolCall",
                                                   "imageGeneration"};
  auto const type = text_at(item, {"type"});
  if (std::ranges::find(kTools, type) == kTools.end()) return std::nullopt;
  json data{{"tool", type}, {"id", text_at(item, {"id"})}};
  if (auto const tool = text_at(item, {"tool"}); !tool.empty()) data["name"] = tool;
  if (auto const command = text_at(item, {"command"}); !command.empty() && !finished)
    data["input"] = json{{"command", command.substr(0, kCommandShown)}};
  for (auto const* name : {"exitCode", "durationMs", "status"})
    if (auto const value = item.find(name); finished && value != item.end() && !value->is_null()) data[name] = *value;
  auto const status = text_at(item, {"status"});
  bool const failed = finished && (status == "failed" || status == "declined");
  return Noted{!finished ? "tool.started" : failed ? "tool.failed" : "tool.finished", std::move(data)};
}

std::string version_of(std::string_view user_agent) {
  auto const slash = user_agent.find('/');
  if (slash == std::string_view::npos) return {};
  auto const rest = user_agent.substr(slash + 1);
  return std::string(rest.substr(0, rest.find(' ')));
}

}  // namespace ar::adapters::codex
