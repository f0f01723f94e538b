#include "adapters/claude/prompt_text.hpp"

#include <algorithm>

namespace ar::adapters::claude {
namespace {

namespace fs = std::filesystem;

bool exists_for_the_cli(std::string_view word, fs::path const& cwd, fs::path const& home) {
  fs::path path;
  if (word == "~" || word.starts_with("~/"))
    path = home / word.substr(std::min<std::size_t>(2, word.size()));
  else
    path = cwd / word;
  std::error_code ec;
  return fs::exists(path, ec);
}

void defuse(std::string& field) {
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
    while (!word.empty()) {
      if (word.size() > 4096) return true;
      if (exists_for_the_cli(word, cwd, home)) return true;
      // "@notes.txt," means the file too.
      if (std::string_view(".,;:!?)]}'\"").find(word.back()) == std::string_view::npos) break;
      word.remove_suffix(1);
    }
  }
  return false;
}

Result<Typed> typed_form(Prompt prompt, fs::path const& cwd, fs::path const& home, VersionRow const& row) {
  defuse(prompt.from);
  defuse(prompt.kind);
  if (prompt.subject) defuse(*prompt.subject);
  for (auto& attachment : prompt.attachments)
    if (has_mention(attachment, cwd, home)) defuse(attachment);

  auto rules = inline_rules();
  if (has_mention(prompt.body, cwd, home)) rules.max_bytes = 0;
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
