#include "adapters/command/output_lines.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace ar::adapters::command {
namespace {
constexpr std::size_t kLongest = 4096;
}

std::vector<std::string> OutputLines::feed(std::string_view bytes) {
  std::vector<std::string> lines;
  for (char const c : bytes) {
    auto const u = static_cast<unsigned char>(c);
    switch (in_) {
      case In::text:
        if (c == '\x1b')
          in_ = In::escape;
        else if (c == '\n' || c == '\r')
          end_line(lines);
        else if (c == '\b')
          line_.resize(line_.empty() ? 0 : line_.size() - 1);
        else if (((u >= 0x20 && u != 0x7f) || c == '\t') && line_.size() < kLongest)
          line_ += c;
        break;
      case In::escape:
        if (c == '[') {
          in_ = In::csi;
          parameters_.clear();
        } else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_') {
          in_ = In::string;
        } else if (u >= 0x20 && u <= 0x2f) {
          in_ = In::intermediate;
        } else if (c != '\x1b') {
          if (c == 'D' || c == 'E' || c == 'M' || c == '8' || c == 'c') end_line(lines);
          in_ = In::text;
        }
        break;
      case In::intermediate:
        if (u < 0x20 || u > 0x2f) in_ = In::text;
        break;
      case In::csi:
        if (c == '\x1b') {
          in_ = In::escape;
        } else if (u >= 0x40 && u <= 0x7e) {
          end_csi(c, lines);
          in_ = In::text;
        } else if (parameters_.size() < 32) {
          parameters_ += c;
        }
        break;
      case In::string:
        if (c == '\x07')
          in_ = In::text;
        else if (c == '\x1b')
          in_ = In::string_escape;
        break;
      case In::string_escape: in_ = c == '\\' ? In::text : In::string; break;
    }
  }
  return lines;
}

void OutputLines::end_line(std::vector<std::string>& lines) {
  if (!line_.empty()) lines.push_back(std::exchange(line_, {}));
}

void OutputLines::end_csi(char final, std::vector<std::string>& lines) {
  if (final == 'C') {  // forward: how programs draw blanks
    auto const blanks = std::clamp(std::atoi(parameters_.c_str()), 1, 200);
    if (line_.size() < kLongest) line_.append(static_cast<std::size_t>(blanks), ' ');
  } else if (std::string_view("ABDEFGHJLMSTdfsu").find(final) != std::string_view::npos) {
    end_line(lines);
  }
}

}  // namespace ar::adapters::command
