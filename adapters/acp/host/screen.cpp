#include "adapters/acp/host/screen.hpp"

#include "base/unicode.hpp"

namespace ar::acp_host {
namespace {

constexpr std::size_t kPromptShown = 4'000, kTitleShown = 300;
constexpr char kBold[] = "\033[1m", kDim[] = "\033[2m", kPlain[] = "\033[0m";

std::string text_of(json const& content) {
  if (content.is_array()) {
    std::string all;
    for (auto const& part : content) all += text_of(part);
    return all;
  }
  return text_at(content, "text");
}

std::string cut(std::string const& text, std::size_t most) {
  auto const shown = cut_utf8(text, most);
  return harmless(shown) + (shown.size() < text.size() ? " ..." : "");
}

std::string one_line(std::string const& text) { return cut(text.substr(0, text.find('\n')), kTitleShown); }

}  // namespace

std::string harmless(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    auto const symbol = first_symbol(text);
    bool const control = symbol.code < 0x20 && symbol.code != '\n' && symbol.code != '\t';
    if (!symbol.well_formed || control || steers_display(symbol.code))
      out += '?';
    else
      out.append(text.substr(0, symbol.bytes));
    text.remove_prefix(symbol.bytes);
  }
  return out;
}

/// Ends what was shown before, if that was of another kind.
std::string Screen::begin(char const* kind) {
  std::string before;
  if (kind_ != kind && !at_line_start_) before = "\n";
  kind_ = kind;
  return before;
}

std::string Screen::note(std::string const& text) {
  auto out = begin("note") + (at_line_start_ ? "" : "\n") + kDim + "agent-runner: " + harmless(text) + kPlain + "\n";
  at_line_start_ = true;
  return out;
}

std::string Screen::prompt(json const& params, bool from_person) {
  auto const words = params.find("prompt");
  auto const text = words == params.end() ? std::string() : text_of(*words);
  std::string out =
      begin("prompt") + "\n" + kBold + (from_person ? "you> " : "> ") + cut(text, kPromptShown) + kPlain + "\n";
  at_line_start_ = true;
  return out;
}

std::string Screen::update(json const& update) {
  auto const kind = text_at(update, "sessionUpdate");
  auto const content = update.find("content");
  std::string out;
  if (kind == "agent_message_chunk" || kind == "agent_thought_chunk") {
    bool const thought = kind == "agent_thought_chunk";
    auto const text = harmless(content == update.end() ? std::string() : text_of(*content));
    if (text.empty()) return {};
    out = begin(thought ? "thought" : "words") + (thought ? kDim + text + kPlain : text);
    at_line_start_ = text.back() == '\n';
    return out;
  }
  auto const status = text_at(update, "status"), title = text_at(update, "title");
  if (kind == "tool_call")
    out = "* " + one_line(title.empty() ? text_at(update, "kind") : title);
  else if (kind == "tool_call_update" && status == "failed")
    out = "* failed" + (title.empty() ? std::string() : ": " + one_line(title));
  else if (kind == "plan")
    out = "* its plan has changed";
  if (out.empty()) return {};
  out = begin("tool") + out + "\n";
  at_line_start_ = true;
  return out;
}

std::string Screen::asked(json const& params) {
  auto const& call = object_at(params, "toolCall");
  auto out = begin("asked") + kBold + "It asks: " + one_line(text_at(call, "title")) + kPlain + "\n";
  if (auto const raw = call.find("rawInput"); raw != call.end()) out += "  " + cut(to_text(*raw), kTitleShown) + "\n";
  std::size_t number = 0;
  if (auto const options = params.find("options"); options != params.end() && options->is_array())
    for (auto const& option : *options)
      out += "  " + std::to_string(++number) + "  " + one_line(text_at(option, "name")) + "\n";
  out += "Type the number of your answer.\n";
  at_line_start_ = true;
  return out;
}

std::string Screen::turn_over(json const& answer) {
  auto out = begin("end");
  auto const& error = object_at(answer, "error");
  if (answer.contains("error"))
    out += std::string(kBold) + "The turn failed: " + one_line(text_at(error, "message")) + kPlain + "\n";
  else if (auto const why = text_at(object_at(answer, "result"), "stopReason"); why != "end_turn")
    out += std::string(kDim) + "The turn ended: " + one_line(why) + kPlain + "\n";
  at_line_start_ = true;
  return out;
}

}  // namespace ar::acp_host
