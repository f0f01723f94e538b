#include "adapters/claude/prompt_text.hpp"

#include "adapters/claude/kept_text.hpp"
#include "base/unicode.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace ar::adapters::claude {
namespace {

namespace fs = std::filesystem;

/// So many different files are looked for on behalf of one text; what names more is taken for one that names some.
constexpr std::size_t kLookUps = 64;
/// "@notes.txt," means the file too: so many marks after a name are no part of it.
constexpr int kMarksAfter = 4;
constexpr std::size_t kLongestPath = 4096, kLongestName = 255;

/// No file system has such a name.
bool is_no_path(std::string_view word) {
  if (word.size() > kLongestPath) return true;
  for (std::size_t at = 0; at < word.size();) {
    auto const end = std::min(word.find('/', at), word.size());
    if (end - at > kLongestName) return true;
    at = end + 1;
  }
  return false;
}

bool exists_for_the_cli(std::string_view word, fs::path const& cwd, fs::path const& home) {
  fs::path path;
  if (word == "~" || word.starts_with("~/"))
    path = home / word.substr(std::min<std::size_t>(2, word.size()));
  else
    path = cwd / word;
  std::error_code ec;
  return fs::exists(path, ec);
}

void defuse(std::string& field, VersionRow const& row, std::string_view for_invisible) {
  if (row.edits_prompts) field = kept_form(field, for_invisible);
  for (auto at = field.find('@'); at != std::string::npos; at = field.find('@', at)) field.replace(at, 1, "\uff20");
}

/// The composer collapses a paste of more than 800 characters or 2 newlines (fewer in a terminal of less than 12
/// lines); these limits leave room, and need few lines.
constexpr std::size_t kShownBytes = 480;
constexpr auto kShownNewlines = 2;

/// Characters that stay what they are in NFC, whatever stands beside them, and that a terminal shows as they are: of
/// the most usual scripts.
bool is_plain(char32_t point) {
  constexpr std::array<std::array<char32_t, 2>, 16> kPlain{{{U' ', U'~'},
                                                            {0xA1, 0xAC},
                                                            {0xAE, 0x2FF},
                                                            {0x391, 0x3A1},
                                                            {0x3A3, 0x3A9},
                                                            {0x3B1, 0x3C9},
                                                            {0x400, 0x45F},
                                                            {0x2010, 0x2026},
                                                            {0x20AC, 0x20AC},
                                                            {0x2190, 0x2193},
                                                            {0x3001, 0x3002},
                                                            {0x3041, 0x3096},
                                                            {0x30A1, 0x30FA},
                                                            {0x4E00, 0x9FFF},
                                                            {0xAC00, 0xD7A3},
                                                            {0xFF01, 0xFF5E}}};
  return std::ranges::any_of(kPlain, [&](auto const& range) { return point >= range[0] && point <= range[1]; });
}

bool is_shown_in_full(std::string_view text) {
  if (text.size() > kShownBytes || std::ranges::count(text, '\n') > kShownNewlines) return false;
  for (Symbol symbol; !text.empty(); text.remove_prefix(symbol.bytes))
    if (symbol = first_symbol(text); symbol.code != U'\n' && !is_plain(symbol.code)) return false;
  return true;
}

/// The body inline where the CLI leaves it as it is, the header's fields made harmless.
Envelope framed(Prompt& prompt, InlineRules rules, fs::path const& cwd, fs::path const& home, VersionRow const& row) {
  // Of a name every character counts.
  defuse(prompt.from, row, "_");
  defuse(prompt.kind, row, "_");
  if (prompt.subject) defuse(*prompt.subject, row, "");
  for (auto& attachment : prompt.attachments)
    if (has_mention(attachment, cwd, home) || (row.edits_prompts && !is_kept(attachment))) defuse(attachment, row, "_");

  bool const small = prompt.body.size() <= rules.max_bytes;  // else it goes as a file in any case
  if (small && (has_mention(prompt.body, cwd, home) || (row.edits_prompts && !is_kept(prompt.body))))
    rules.max_bytes = 0;
  return frame(prompt, rules);
}

/// The CLI's own tags, in any case and with blanks: whatever might be taken for one.
bool has_own_tag(std::string_view text) {
  if (text.find('<') == std::string_view::npos) return false;
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  constexpr std::array<std::string_view, 3> kTags{"system-reminder", "task-notification", "system-notification"};
  return std::ranges::any_of(kTags, [&](auto tag) { return lower.find(tag) != std::string::npos; });
}

void take_brackets(std::string& field) {
  for (auto at = field.find('<'); at != std::string::npos; at = field.find('<', at)) field.replace(at, 1, "\uff1c");
}

}  // namespace

InlineRules inline_rules() {
  InlineRules rules;
  rules.max_bytes = 256U << 10;
  return rules;
}

bool has_mention(std::string_view text, fs::path const& cwd, fs::path const& home) {
  constexpr std::string_view kBlanks = " \n\t";
  std::set<std::string_view> missing;
  for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    // The CLI asks for a blank before it (a Unicode one will do, hence no letter, digit or dot: an address is
    // none).
    if (at > 0) {
      auto const before = static_cast<unsigned char>(text[at - 1]);
      if (before < 0x80 && kBlanks.find(static_cast<char>(before)) == std::string_view::npos) continue;
    }
    auto word = text.substr(at + 1, text.find_first_of(kBlanks, at) - at - 1);
    if (word.starts_with('"') || word.starts_with("agent-")) return true;
    if (auto const colon = word.find(':'); colon != std::string_view::npos && colon + 1 < word.size())
      return true;                          // "@server:resource"; "@alice: hello" is none
    word = word.substr(0, word.find('#'));  // "@file#L10-20"
    for (int marks = 0; !word.empty(); ++marks) {
      if (marks > kMarksAfter || missing.size() >= kLookUps) return true;
      bool const is_new = !is_no_path(word) && missing.insert(word).second;
      if (is_new && exists_for_the_cli(word, cwd, home)) return true;
      if (std::string_view(".,;:!?)]}'\"").find(word.back()) == std::string_view::npos) break;
      word.remove_suffix(1);
    }
  }
  return false;
}

Typed typed_form(Prompt prompt, fs::path const& cwd, fs::path const& home, VersionRow const& row) {
  auto envelope = framed(prompt, inline_rules(), cwd, home, row);

  Typed typed;
  typed.text = std::move(envelope.text);
  typed.as_file = envelope.as_file;
  typed.paste = typed.text;
  // As the user's own words the model takes what the composer shows in full.
  if (row.wraps_pastes && is_shown_in_full(typed.text)) return typed;
  if (row.wraps_pastes) typed.words = kWords;
  // Text that the composer shows in full is normalised to NFC when it is submitted; a collapsed paste is not
  // touched. It also makes the composer show one short word, which nothing else there can be mistaken for.
  auto newlines = std::ranges::count(typed.paste, '\n');
  for (; newlines < row.collapse_newlines; ++newlines) typed.paste += '\n';
  return typed;
}

Envelope notice_form(Prompt prompt, fs::path const& cwd, fs::path const& home, VersionRow const& row) {
  take_brackets(prompt.from);
  if (prompt.subject) take_brackets(*prompt.subject);
  for (auto& attachment : prompt.attachments) take_brackets(attachment);
  auto rules = inline_rules();
  rules.max_bytes = has_own_tag(prompt.body) ? 0 : kNoticeBytes;
  return framed(prompt, rules, cwd, home, row);
}

}  // namespace ar::adapters::claude
