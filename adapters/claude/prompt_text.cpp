#include "adapters/claude/prompt_text.hpp"

#include "adapters/claude/kept_text.hpp"

#include <algorithm>
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

Result<Typed> typed_form(Prompt prompt, fs::path const& cwd, fs::path const& home, VersionRow const& row) {
  // Of a name every character counts.
  defuse(prompt.from, row, "_");
  defuse(prompt.kind, row, "_");
  if (prompt.subject) defuse(*prompt.subject, row, "");
  for (auto& attachment : prompt.attachments)
    if (has_mention(attachment, cwd, home) || (row.edits_prompts && !is_kept(attachment))) defuse(attachment, row, "_");

  auto rules = inline_rules();
  bool const small = prompt.body.size() <= rules.max_bytes;  // else it goes as a file in any case
  if (small && (has_mention(prompt.body, cwd, home) || (row.edits_prompts && !is_kept(prompt.body))))
    rules.max_bytes = 0;
  auto framed = frame(prompt, rules);
  if (!framed) return framed.error();

  Typed typed;
  typed.text = std::move(framed->text);
  typed.as_file = framed->as_file;
  typed.paste = typed.text;
  // Text that the composer shows in full is normalised to NFC when it is submitted; a collapsed paste is not
  // touched. It also makes the composer show one short word, which nothing else there can be mistaken for.
  auto newlines = std::ranges::count(typed.paste, '\n');
  for (; newlines < row.collapse_newlines; ++newlines) typed.paste += '\n';
  return typed;
}

}  // namespace ar::adapters::claude
