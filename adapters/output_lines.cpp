#include "adapters/output_lines.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace ar::adapters {
namespace {

constexpr std::size_t kLongest = 4096;
constexpr auto kLongestString = std::chrono::seconds(5);  ///< then tmux gives up waiting for a string's end

constexpr char kBell = '\x07', kCancel = '\x18', kSubstitute = '\x1a', kEscape = '\x1b';

bool is_between(char c, unsigned char first, unsigned char last) {
  auto const u = static_cast<unsigned char>(c);
  return u >= first && u <= last;
}

bool continues_a_character(char c) { return is_between(c, 0x80, 0xbf); }

}  // namespace

std::vector<std::string> OutputLines::feed(std::string_view bytes, Clock::time_point now) {
  std::vector<std::string> lines;
  auto const in_string = [this] { return in_ >= In::device_header; };
  if (in_string() && now - string_since_ > kLongestString) in_ = In::text;
  for (char const c : bytes) {
    bool const before = in_string();
    one(c, lines);
    if (!before && in_string()) string_since_ = now;
  }
  return lines;
}

void OutputLines::one(char c, std::vector<std::string>& lines) {
  // These end whatever was begun, but for a device control string, which its own end ends.
  if (in_ != In::device && in_ != In::device_escape) {
    if (c == kCancel || c == kSubstitute || c == kEscape) {
      in_ = c == kEscape ? In::escape : In::text;
      parameters_.clear();
      return;
    }
    if (in_ < In::device_header && control(c, lines)) return;
  }
  switch (in_) {
    case In::text: add(c); break;
    case In::escape:
    case In::intermediate:
      if (is_between(c, 0x20, 0x2f))
        in_ = In::intermediate;
      else if (is_between(c, 0x30, 0x7e))
        end_escape(c, lines);
      break;
    case In::csi:
      if (is_between(c, 0x40, 0x7e)) {
        end_csi(c, lines);
        in_ = In::text;
      } else if (parameters_.size() < 32) {
        parameters_ += c;
      }
      break;
    case In::device_header:
      if (is_between(c, 0x40, 0x7e))
        in_ = In::device;
      else if (c == ':' || (is_between(c, 0x3c, 0x3f) && !parameters_.empty()) ||
               (is_between(c, 0x30, 0x3f) && is_between(parameters_.empty() ? '0' : parameters_.back(), 0x20, 0x2f)))
        in_ = In::string;  // not well-formed: ignored to its end
      else if (is_between(c, 0x20, 0x3f) && parameters_.size() < 32)
        parameters_ += c;
      break;
    case In::device:
      if (c == kEscape) in_ = In::device_escape;
      break;
    case In::device_escape: in_ = c == '\\' ? In::text : In::device; break;
    case In::title:
      if (c == kBell) in_ = In::text;
      break;
    case In::string: break;
  }
}

/// Acts also in the middle of a sequence.
bool OutputLines::control(char c, std::vector<std::string>& lines) {
  if (!is_between(c, 0x00, 0x1f)) return false;
  if (c == '\n' || c == '\v' || c == '\f' || c == '\r') {
    end_line(lines);
  } else if (c == '\t') {
    add(c);
  } else if (c == '\b' && !line_.empty()) {
    while (line_.size() > 1 && continues_a_character(line_.back())) line_.pop_back();
    line_.pop_back();
    to_come_ = 0;
  }
  return true;
}

/// Whole characters only, and no C1 controls, which are two bytes here and no controls to tmux.
void OutputLines::add(char c) {
  if (is_between(c, 0x00, 0x7f)) {
    if (to_come_ > 0) line_.resize(line_.size() - std::min(line_.size(), character_));
    to_come_ = 0;
    if (c != '\x7f') line_ += c;
  } else if (to_come_ > 0) {
    malformed_ = malformed_ || !continues_a_character(c);
    line_ += c;
    ++character_;
    if (--to_come_ == 0) {
      bool const c1 =
          character_ == 2 && line_.ends_with(c) && is_between(c, 0x80, 0x9f) && line_[line_.size() - 2] == '\xc2';
      if (malformed_ || c1) line_.resize(line_.size() - std::min(line_.size(), character_));
    }
  } else if (is_between(c, 0xc2, 0xf4)) {
    to_come_ = is_between(c, 0xf0, 0xf4) ? 3 : is_between(c, 0xe0, 0xef) ? 2 : 1;
    character_ = 1;
    malformed_ = false;
    line_ += c;
  }
  if (line_.size() < 2 * kLongest || to_come_ > 0) return;
  auto cut = line_.size() - kLongest;
  while (cut < line_.size() && continues_a_character(line_[cut])) ++cut;
  line_.erase(0, cut);
}

void OutputLines::end_line(std::vector<std::string>& lines) {
  if (to_come_ > 0) line_.resize(line_.size() - std::min(line_.size(), character_));
  to_come_ = 0;
  if (!line_.empty()) lines.push_back(std::exchange(line_, {}));
}

void OutputLines::end_escape(char final, std::vector<std::string>& lines) {
  bool const plain = in_ == In::escape;
  in_ = In::text;
  if (!plain) return;
  switch (final) {
    case '[': in_ = In::csi; break;
    case 'P': in_ = In::device_header; break;
    case ']': in_ = In::title; break;
    case 'X':
    case '^':
    case '_':
    case 'k': in_ = In::string; break;
    case 'D':
    case 'E':
    case 'M':
    case '8':
    case 'c': end_line(lines); break;
    default: break;
  }
}

void OutputLines::end_csi(char final, std::vector<std::string>& lines) {
  if (final == 'C') {  // forward: how programs draw blanks
    auto const blanks = std::clamp(std::atoi(parameters_.c_str()), 1, 200);
    for (int i = 0; i < blanks; ++i) add(' ');
  } else if (std::string_view("ABDEFGHJLMSTdfsu").find(final) != std::string_view::npos) {
    end_line(lines);
  }
}

}  // namespace ar::adapters
