#include "terminal/tmux/control_parser.hpp"

#include <algorithm>
#include <utility>

namespace ar::terminal {
namespace {

constexpr std::size_t kMost = 16U << 20;

void append(std::string& to, std::string_view text) { to.append(text.substr(0, kMost - std::min(kMost, to.size()))); }

constexpr std::string_view kBegin = "%begin ";

/// "%begin TIME NUMBER FLAGS", all digits.
bool begins_block(std::string_view line) {
  if (!line.starts_with(kBegin)) return false;
  auto const guard = line.substr(kBegin.size());
  return std::ranges::count(guard, ' ') == 2 && guard.front() != ' ' && guard.back() != ' ' &&
         guard.find_first_not_of("0123456789 ") == std::string_view::npos;
}

char octal(unsigned digit) { return static_cast<char>('0' + (digit & 7U)); }

}  // namespace

std::string Fence::around(std::string_view command) const {
  return "display-message -p " + open + " ; " + std::string(command) + " ; display-message -p " + close;
}

Fence fence_of(std::string const& secret) { return {secret + "open", secret + "close"}; }

ControlParser::ControlParser(std::string secret) : secret_(std::move(secret)), fence_(fence_of(secret_)) {}

std::vector<ControlEvent> ControlParser::feed(std::string_view bytes) {
  std::vector<ControlEvent> events;
  for (;;) {
    auto const end = bytes.find('\n');
    if (end == std::string_view::npos) {
      append(partial_, bytes);
      return events;
    }
    if (partial_.empty()) {
      line(bytes.substr(0, std::min(end, kMost)), events);
    } else {
      append(partial_, bytes.substr(0, end));
      line(partial_, events);
      partial_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
}

void ControlParser::line(std::string_view text, std::vector<ControlEvent>& events) {
  if (in_fence_) {
    fenced(text, events);
  } else if (in_block_ && !secret_.empty() && text == fence_.open) {
    in_fence_ = true;
  } else if (in_block_) {
    bool const end = text.starts_with("%end ") && text.substr(5) == guard_;
    bool const error = text.starts_with("%error ") && text.substr(7) == guard_;
    if (end || error) {
      in_block_ = false;
      bool const ours = ((guard_.back() - '0') & 1) != 0;
      events.push_back({ControlEvent::Kind::reply, std::exchange(body_, {}), end, ours});
    } else {
      append(body_, text);
      append(body_, "\n");
    }
  } else if (begins_block(text)) {
    in_block_ = true;
    guard_ = text.substr(kBegin.size());
  } else {
    auto const kind = text.starts_with('%') ? ControlEvent::Kind::notification : ControlEvent::Kind::stray;
    events.push_back({kind, std::string(text)});
  }
}

/// tmux runs a fenced line in one go, so that nothing else stands among these lines:
///
///   %end OPENING      %begin SCREEN    the screen's lines    %end SCREEN    %begin CLOSING    the closing word
void ControlParser::fenced(std::string_view text, std::vector<ControlEvent>& events) {
  if (!text.starts_with(secret_)) {
    // The last one is kept always: the closing word's block begins with it.
    if (fenced_bytes_ > kMost) fenced_.pop_back();
    fenced_bytes_ += text.size();
    fenced_.emplace_back(text);
    return;
  }
  in_fence_ = false;
  fenced_bytes_ = 0;
  auto const lines = std::exchange(fenced_, {});
  // When the call ends without the closing word, tmux refused the command, and no screen was shown.
  if (text != fence_.close || lines.size() < 4 || !begins_block(lines.back())) {
    for (auto const& one : lines) line(one, events);
    line(text, events);
    return;
  }
  for (std::size_t i = 2; i + 2 < lines.size(); ++i) {
    append(body_, lines[i]);
    append(body_, "\n");
  }
  guard_ = lines.back().substr(kBegin.size());
}

std::string tmux_quote(std::string_view text) {
  std::string quoted = "\"";
  for (char const c : text) {
    auto const u = static_cast<unsigned char>(c);
    // tmux reads input through a signed char: a raw 0xFF would be the end of the file to it. It takes a tilde for a
    // home folder, between quotes too.
    if (u < 0x20 || u == 0x7f || u >= 0xf8 || c == '~') {
      quoted += '\\';
      quoted += octal(u >> 6U);
      quoted += octal(u >> 3U);
      quoted += octal(u);
    } else {
      if (c == '"' || c == '\\' || c == '$') quoted += '\\';
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string decode_output(std::string_view escaped) {
  auto const is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string bytes;
  bytes.reserve(escaped.size());
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    auto const code = escaped.substr(i + 1, 3);
    if (escaped[i] == '\\' && code.size() == 3 && std::ranges::all_of(code, is_octal)) {
      bytes += static_cast<char>((code[0] - '0') * 64 + (code[1] - '0') * 8 + (code[2] - '0'));
      i += 3;
    } else {
      bytes += escaped[i];
    }
  }
  return bytes;
}

}  // namespace ar::terminal
