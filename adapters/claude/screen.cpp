#include "adapters/claude/screen.hpp"

#include "adapters/claude/turn_record.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <vector>

namespace ar::adapters::claude {
namespace {

constexpr std::string_view kRule = "\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500";

/// A line's text and, byte by byte, how it is displayed.
struct StyledLine {
  enum : unsigned char { dim = 1, reverse = 2 };
  std::string text;
  std::vector<unsigned char> style;
};

/// Follows the SGR sequences through all lines, since tmux carries a style over the line's end.
class StyleReader {
 public:
  StyledLine read(std::string_view raw) {
    StyledLine line;
    for (std::size_t i = 0; i < raw.size();) {
      if (raw[i] != '\033') {
        line.text += raw[i++];
        line.style.push_back(now_);
        continue;
      }
      auto const end = raw.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", i + 1);
      if (end == std::string_view::npos) break;
      if (raw[end] == 'm') apply(raw.substr(i + 2, end - i - 2));
      i = end + 1;
    }
    return line;
  }

 private:
  void apply(std::string_view parameters) {
    std::vector<int> codes;
    while (true) {
      auto const stop = parameters.find_first_of(";:");
      int code = 0;
      auto const word = parameters.substr(0, stop);
      std::from_chars(word.data(), word.data() + word.size(), code);
      codes.push_back(code);
      if (stop == std::string_view::npos) break;
      parameters.remove_prefix(stop + 1);
    }
    for (std::size_t i = 0; i < codes.size(); ++i) {
      if (codes[i] == 38 || codes[i] == 48) {  // a colour: its numbers are no codes
        i += i + 1 < codes.size() && codes[i + 1] == 5 ? 2 : 4;
        continue;
      }
      if (codes[i] == 0) now_ = 0;
      if (codes[i] == 2) now_ |= StyledLine::dim;
      if (codes[i] == 22) now_ &= static_cast<unsigned char>(~StyledLine::dim);
      if (codes[i] == 7) now_ |= StyledLine::reverse;
      if (codes[i] == 27) now_ &= static_cast<unsigned char>(~StyledLine::reverse);
    }
  }
  unsigned char now_ = 0;
};

/// A hint is dim but for its first letter, on which the cursor stands.
bool is_hint(StyledLine const& line, std::size_t from) {
  bool any_dim = false;
  for (std::size_t i = from; i < line.text.size(); ++i) {
    if (line.text[i] == ' ') continue;
    if (line.style[i] & StyledLine::dim)
      any_dim = true;
    else if (!(line.style[i] & StyledLine::reverse))
      return false;
  }
  return any_dim;
}

std::string_view trim_end(std::string_view text) {
  auto const last = text.find_last_not_of(' ');
  return last == std::string_view::npos ? std::string_view{} : text.substr(0, last + 1);
}

std::string without_blanks(std::string_view text) {
  std::string out;
  std::ranges::copy_if(text, std::back_inserter(out), [](char c) { return c != ' ' && c != '\n'; });
  return out;
}

/// "[Pasted text #3 +12 lines]" for 12 newlines, "[Pasted text #3]" for none: the number of newlines, or -1. Without
/// its blanks, since it may be wrapped. `after` is where it ends.
int collapsed_newlines(std::string_view text, std::string_view start, std::size_t& after) {
  if (!text.starts_with(start)) return -1;
  auto const close = text.find(']');
  if (close == std::string_view::npos) return -1;
  after = close + 1;
  auto const plus = text.substr(0, close).find('+');
  if (plus == std::string_view::npos) return 0;
  int lines = -1;
  std::from_chars(text.data() + plus + 1, text.data() + close, lines);
  return lines;
}

/// A menu stands at the bottom and has this among its choices. (Whatever the conversation above it says.)
bool offers(std::vector<StyledLine> const& lines, std::string_view choice) {
  auto at = lines.rbegin();
  auto const skip_blank = [&] {
    while (at != lines.rend() && trim_end(at->text).empty()) ++at;
  };
  skip_blank();
  if (at == lines.rend() || at->text.find("Enter to confirm") == std::string::npos) return false;
  ++at;
  skip_blank();
  for (; at != lines.rend(); ++at) {
    auto const digit = at->text.find_first_of("0123456789");
    if (digit == std::string::npos || at->text.substr(digit + 1, 2) != ". ") return false;
    if (at->text.compare(digit + 3, choice.size(), choice) == 0) return true;
  }
  return false;
}

int newlines_in(std::string_view text) { return static_cast<int>(std::ranges::count(text, '\n')); }

}  // namespace

View read_view(terminal::Screen const& screen, VersionRow const& row) {
  View view;
  std::vector<StyledLine> lines;
  StyleReader reader;
  for (auto const& raw : screen.lines) lines.push_back(reader.read(raw));

  auto const is_rule = [&](std::size_t i) { return lines[i].text.starts_with(kRule); };
  // The composer stands between two rules that start at the left edge; its first line starts with the glyph
  // and a no-break blank. Everything else on the screen that could look like it is indented or has a plain
  // blank.
  std::size_t bottom = lines.size();
  std::size_t top = lines.size();
  bool shell = false;
  for (std::size_t i = lines.size(); i-- > 1;) {
    if (is_rule(i)) bottom = i;
    shell = lines[i].text.starts_with(row.shell_glyph);
    if ((shell || lines[i].text.starts_with(row.prompt_glyph)) && is_rule(i - 1) && bottom > i &&
        bottom < lines.size()) {
      top = i;
      break;
    }
  }
  auto const composer_found = top < lines.size();
  for (auto const& known : row.screens) {
    // Below a composer only the search says that it is not one; any text may stand in the conversation above.
    if (composer_found && known.kind != KnownScreen::Kind::search) continue;
    auto const from = composer_found ? bottom : std::size_t{0};
    bool const is_menu = known.kind == KnownScreen::Kind::limit;
    auto const has_text = [&](StyledLine const& line) { return line.text.find(known.text) != std::string::npos; };
    bool const on_screen = is_menu
                               ? offers(lines, known.text)
                               : std::any_of(lines.begin() + static_cast<std::ptrdiff_t>(from), lines.end(), has_text);
    if (!on_screen) continue;
    view.kind = is_menu ? View::Kind::limit : View::Kind::overlay;
    view.name = known.name;
    return view;
  }
  if (composer_found) {
    view.kind = shell ? View::Kind::shell_mode : View::Kind::composer;
    view.name = shell ? "shell mode" : "composer";
    auto const glyph = shell ? row.shell_glyph.size() : row.prompt_glyph.size();
    if (!is_hint(lines[top], glyph)) {
      for (std::size_t i = top; i < bottom; ++i) {
        if (i > top) view.text += '\n';
        std::string_view const text = trim_end(lines[i].text);
        auto const indent = i == top ? glyph : std::min<std::size_t>(2, text.size());
        view.text += text.size() > indent ? text.substr(indent) : std::string_view{};
      }
    }
    for (std::size_t i = 0; i + 1 < top; ++i) view.above += lines[i].text + "\n";
    for (std::size_t i = bottom; i < lines.size(); ++i)
      if (lines[i].text.find(row.stashed) != std::string::npos) view.stashed = true;
    if (row.stashed_above && top >= 2 && trim_end(lines[top - 2].text).ends_with(row.stashed)) view.stashed = true;
    return view;
  }
  auto const& program = screen.command;
  if (program == "sh" || program == "bash" || program == "zsh" || program == "fish" || program == "dash") {
    view.kind = View::Kind::left;
    view.name = "a shell (" + program + ")";
    return view;
  }
  view.name = "a screen without an input line";
  return view;
}

bool shows_only(View const& view, std::string_view pasted, VersionRow const& row, std::string_view words) {
  if (view.kind != View::Kind::composer || view.text.empty()) return false;
  auto const shown = without_blanks(view.text);
  auto const before = without_blanks(words);
  if (!shown.starts_with(before)) return false;
  auto const rest = std::string_view(shown).substr(before.size());
  std::size_t after = 0;
  auto const lines = collapsed_newlines(rest, without_blanks(row.collapsed), after);
  if (lines >= 0) return after == rest.size() && lines == newlines_in(pasted);
  return rest == without_blanks(pasted);
}

bool shows_among_others(View const& view, std::string_view pasted, VersionRow const& row, std::string_view words) {
  if (view.kind != View::Kind::composer || view.text.empty() || shows_only(view, pasted, row, words)) return false;
  auto const shown = without_blanks(view.text);
  auto const label = without_blanks(row.collapsed);
  for (auto at = shown.find(label); at != std::string::npos; at = shown.find(label, at + 1)) {
    std::size_t after = 0;
    if (collapsed_newlines(std::string_view(shown).substr(at), label, after) == newlines_in(pasted)) return true;
  }
  return shown.find(without_blanks(pasted)) != std::string::npos;
}

bool shows_words(View const& view, std::string_view words, VersionRow const& row) {
  auto const shown = without_blanks(view.text);
  auto const before = without_blanks(words);
  if (view.kind != View::Kind::composer || !shown.starts_with(before)) return false;
  auto const rest = std::string_view(shown).substr(before.size());
  std::size_t after = 0;
  return rest.empty() || (collapsed_newlines(rest, without_blanks(row.collapsed), after) >= 0 && after == rest.size());
}

std::optional<Retrying> retry_on(terminal::Screen const& screen) {
  constexpr std::array<std::string_view, 6> kSpinner{"\u273b ", "\u2736 ", "\u2733 ", "\u2722 ", "\u00b7 ", "* "};
  constexpr std::string_view kDot = " \u00b7 ";
  for (auto line = screen.lines.rbegin(); line != screen.lines.rend(); ++line) {
    std::string_view text = *line;
    auto const glyph = std::ranges::find_if(kSpinner, [&](auto const& begins) { return text.starts_with(begins); });
    if (glyph == kSpinner.end() || text.find("etrying in ") == std::string_view::npos) continue;
    text.remove_prefix(glyph->size());
    auto const at = text.find("attempt ");
    Retrying retry;
    if (at == std::string_view::npos ||
        std::sscanf(std::string(text.substr(at)).c_str(), "attempt %4d/%4d", &retry.attempt, &retry.most) != 2)
      continue;
    retry.error = text.substr(0, text.find(kDot));
    int status = 0;
    (void)std::sscanf(retry.error.c_str(), "%3d", &status);
    retry.error_kind = status == 529   ? "overloaded"
                       : status == 429 ? "rate_limit"
                       : status >= 500 ? "server_error"
                                       : exact_error_kind("", retry.error);
    return retry;
  }
  return std::nullopt;
}

std::string plain_text(std::string_view captured) {
  std::string text;
  StyleReader reader;
  for (std::size_t at = 0; at < captured.size();) {
    auto const end = std::min(captured.find('\n', at), captured.size());
    text += std::string(trim_end(reader.read(captured.substr(at, end - at)).text)) + "\n";
    at = end + 1;
  }
  return text;
}

bool is_covered(View const& view) {
  return view.kind == View::Kind::overlay || view.kind == View::Kind::limit || view.kind == View::Kind::left;
}

std::string obstacle_of(View const& view) {
  switch (view.kind) {
    case View::Kind::composer: return "a person is typing";
    case View::Kind::shell_mode: return "the input line is in shell mode";
    case View::Kind::limit:
    case View::Kind::overlay: return "the " + view.name + " is open";
    case View::Kind::left: return "Claude Code has left " + view.name + " behind";
    case View::Kind::unclear: break;
  }
  return "the screen shows no input line";
}

}  // namespace ar::adapters::claude
