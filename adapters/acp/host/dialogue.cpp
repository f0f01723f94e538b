#include "adapters/acp/host/dialogue.hpp"

#include "adapters/acp/host/screen.hpp"

#include <algorithm>
#include <charconv>

namespace ar::acp_host {
namespace {

constexpr int kPromptRuns = -32099;  // record.hpp names it too
constexpr int kMethodNotFound = -32601;
constexpr std::size_t kLinesKept = 16, kAsksKept = 50;

std::string key_of(json const& id) { return id.is_string() ? "s" + id.get<std::string>() : to_text(id); }

Step to_agent(json const& frame) { return {Step::To::agent, to_text(frame)}; }
Step to_screen(std::string text) { return {Step::To::screen, std::move(text)}; }

json refusal(json const& id, int code, std::string const& why) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", why}}}};
}

bool opens(std::string_view method) {
  return method == "session/new" || method == "session/load" || method == "session/resume";
}

}  // namespace

Steps Dialogue::from_agent(json const& frame, bool& keep) {
  auto const method = text_at(frame, "method");
  auto const id = frame.find("id");
  if (method.empty() && id != frame.end()) {
    auto const number = key_of(*id);
    if (number == prompt_) {
      prompt_.clear();
      asks_.clear();
      return next_line();
    }
    requests_ = std::max<std::int64_t>(requests_ - 1, 0);
    keep = kept_.erase(number) > 0;
    if (auto const opening = opening_.find(number); opening != opening_.end()) {
      auto const opened = text_at(object_at(frame, "result"), "sessionId");
      if (frame.contains("result")) session_ = opened.empty() ? text_at(opening->second, "sessionId") : opened;
      opening_.erase(opening);
      return next_line();
    }
    return {};
  }
  if (id != frame.end() && method == "session/request_permission" && asks_.size() < kAsksKept) {
    asks_[key_of(*id)] = frame;
    return {};
  }
  // Files and terminals are not offered, and what is not known has no answer: nobody else would give one.
  if (id != frame.end()) return {to_agent(refusal(*id, kMethodNotFound, "this client does not offer " + method))};
  if (method == "$/cancel_request")
    if (auto const which = object_at(frame, "params").find("requestId"); which != object_at(frame, "params").end())
      asks_.erase(key_of(*which));
  return {};
}

Steps Dialogue::from_daemon(json const& frame, std::string const& raw) {
  auto const method = text_at(frame, "method");
  auto const id = frame.find("id");
  if (method.empty()) {
    // Whoever answers first is heard.
    if (id == frame.end() || asks_.erase(key_of(*id)) == 0) return {};
    return {{Step::To::agent, raw}};
  }
  if (method == "session/cancel") return cancel();
  if (id == frame.end()) return {{Step::To::agent, raw}};
  auto const number = key_of(*id);
  if (method == "session/prompt") {
    if (!prompt_.empty() || !lines_.empty())
      return {{Step::To::daemon, to_text(refusal(*id, kPromptRuns, "a turn runs"))}};
    prompt_ = number;
    return {{Step::To::agent, raw}};
  }
  ++requests_;
  if (opens(method)) opening_[number] = {{"sessionId", text_at(object_at(frame, "params"), "sessionId")}};
  bool const keep = method == "initialize" || opens(method);
  if (keep) kept_.insert(number);
  return {{Step::To::agent, raw, keep}};
}

Steps Dialogue::from_person(std::string const& line) {
  if (line.find_first_not_of(" \t") == std::string::npos) return {};
  if (!asks_.empty()) {
    std::size_t number = 0;
    auto const [end, ec] = std::from_chars(line.data(), line.data() + line.size(), number);
    auto const& [ask, frame] = *asks_.begin();
    auto const options = object_at(frame, "params").find("options");
    bool const whole = ec == std::errc() && end == line.data() + line.size();
    if (whole && options != object_at(frame, "params").end() && options->is_array() && number > 0 &&
        number <= options->size())
      return answer(
          ask, {{"outcome", {{"outcome", "selected"}, {"optionId", text_at((*options)[number - 1], "optionId")}}}});
  }
  if (lines_.size() >= kLinesKept) return {to_screen("Too many lines wait for the end of the turn.")};
  if (session_.empty() || !prompt_.empty()) {
    lines_.push_back(line);
    return {to_screen(session_.empty() ? "It waits for the agent to be ready."
                                       : "It waits for the end of the turn; Ctrl-C ends that.")};
  }
  return prompt_of_person(line);
}

Steps Dialogue::cancel() {
  if (prompt_.empty() || session_.empty()) return {};
  Steps steps{to_agent({{"jsonrpc", "2.0"}, {"method", "session/cancel"}, {"params", {{"sessionId", session_}}}})};
  while (!asks_.empty()) {
    auto answered = answer(asks_.begin()->first, {{"outcome", {{"outcome", "cancelled"}}}});
    steps.insert(steps.end(), answered.begin(), answered.end());
  }
  return steps;
}

Steps Dialogue::answer(std::string const& number, json result) {
  auto const ask = asks_.find(number);
  json const frame{{"jsonrpc", "2.0"}, {"id", ask->second["id"]}, {"result", std::move(result)}};
  asks_.erase(ask);
  return {to_agent(frame)};
}

Steps Dialogue::next_line() {
  if (lines_.empty() || session_.empty() || !prompt_.empty()) return {};
  auto const line = std::move(lines_.front());
  lines_.pop_front();
  return prompt_of_person(line);
}

Steps Dialogue::prompt_of_person(std::string const& text) {
  json const id = "person-" + std::to_string(++last_line_);
  prompt_ = key_of(id);
  json const words = json::array({{{"type", "text"}, {"text", text}}});
  return {to_agent({{"jsonrpc", "2.0"},
                    {"id", id},
                    {"method", "session/prompt"},
                    {"params", {{"sessionId", session_}, {"prompt", words}}}})};
}

}  // namespace ar::acp_host
