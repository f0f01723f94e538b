// A shell's command line: what is understood of it is read again as the same, and nothing that a shell would make
// something of is taken for understood.
#include "model/shell_line.hpp"

#include "fuzz/fuzz.hpp"
#include "model/approval_match.hpp"

#include <algorithm>

using namespace ar;

namespace {

/// Outside of single quotes and behind no backslash none of these may stand in a line that is understood.
bool has_expansion(std::string_view text) {
  bool single = false, in_double = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const c = text[i];
    if (single) {
      single = c != '\'';
    } else if (c == '\\') {
      ++i;
    } else if (c == '"') {
      in_double = !in_double;
    } else if (c == '\'' && !in_double) {
      single = true;
    } else if (c == '$' || c == '`' || (!in_double && (c == '(' || c == ')' || c == '{' || c == '}'))) {
      return true;
    }
  }
  return single || in_double;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  auto const line = read_shell_line(text);
  (void)read_shell_pattern(text);
  if (line.problem.empty()) {
    fuzz::must(!has_expansion(text), "what the shell makes something of is not understood");
    for (auto const& command : line.commands) {
      auto const plain = [](auto const& words) { return std::ranges::all_of(words, &ShellWord::plain); };
      if (!plain(command.words) || !plain(command.assignments) || command.words.empty()) continue;
      auto again = read_shell_line(to_shell_line(command));
      // It may have become longer than is read, by its quotes.
      if (again.problem.find("longer") != std::string::npos) continue;
      fuzz::must(again.problem.empty() && again.commands.size() == 1, "a command is told as one");
      fuzz::must(again.commands[0].words == command.words && again.commands[0].assignments == command.assignments,
                 "its words are the same");
    }
  }
  ApprovalRule rm;
  rm.id = "1";
  rm.input = "rm";
  rm.match = ApprovalRule::Match::prefix;
  Asker const asker{"a", "/", {}, false, false};
  ApprovalSubject const subject{"Bash", InputKind::command, {std::string(text)}, "/", ""};
  auto const denied = verdict_of({rm}, asker, subject);
  fuzz::must(denied.decision != RuleVerdict::Decision::allow, "a denial allows nothing");
  auto allows = rm;
  allows.allow = true;
  auto const allowed = verdict_of({allows}, asker, subject);
  if (allowed.decision == RuleVerdict::Decision::allow) {
    fuzz::must(line.problem.empty(), "only what is understood is allowed");
    fuzz::must(std::ranges::all_of(line.commands,
                                   [](auto const& command) {
                                     return !command.words.empty() && command.words[0].text == "rm" &&
                                            !command.redirects && command.assignments.empty();
                                   }),
               "every part is the one that is allowed");
    fuzz::must(denied.decision == RuleVerdict::Decision::deny, "what a rule allows, the same denial denies");
  }
  return 0;
}
