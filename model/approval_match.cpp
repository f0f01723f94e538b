#include "model/approval_match.hpp"

#include "base/words.hpp"
#include "model/command_wrapper.hpp"
#include "model/shell_line.hpp"
#include "model/tool_hook.hpp"
#include "model/wildcard.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <set>
#include <tuple>

namespace ar {
namespace {

using Match = ApprovalRule::Match;
using Verdict = RuleVerdict;

/// `*` of an address stays within its part: a host's pattern must not reach over the end of the host.
constexpr std::string_view kAddressEnds = "/?#@:\\";

bool is_blank(char c) { return std::string_view(" \t\r\n\v\f").find(c) != std::string_view::npos; }

bool is_below(std::string_view path, std::string_view folder) {
  if (folder.ends_with('/')) folder.remove_suffix(1);
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

// ---- commands ----

bool is_plain(ShellWord const& word) { return word.plain; }
bool all_plain(std::vector<ShellWord> const& words) { return std::ranges::all_of(words, is_plain); }

bool word_matches(Match match, ShellWord const& pattern, ShellWord const& word) {
  if (!word.plain) return false;
  return match == Match::glob ? matches_wildcard(pattern.text, word.text, "") : pattern.text == word.text;
}

/// The one command of a rule; nothing: it cannot be about commands.
std::optional<ShellCommand> command_of(ApprovalRule const& rule) {
  auto line = rule.match == Match::glob ? read_shell_pattern(rule.input) : read_shell_line(rule.input);
  if (!line.problem.empty() || line.commands.size() != 1) return std::nullopt;
  auto command = std::move(line.commands.front());
  if (command.words.empty() || command.redirects || !all_plain(command.words) || !all_plain(command.assignments))
    return std::nullopt;
  return command;
}

bool size_fits(Match match, ShellCommand const& pattern, ShellCommand const& command) {
  return match == Match::prefix ? command.words.size() >= pattern.words.size()
                                : command.words.size() == pattern.words.size();
}

bool allows_command(ApprovalRule const& rule, std::optional<ShellCommand> const& pattern, ShellCommand const& command) {
  if (!pattern || command.words.empty() || command.redirects || !size_fits(rule.match, *pattern, command)) return false;
  if (rule.match != Match::exact && is_wrapper(command)) return false;
  if (command.assignments != pattern->assignments || pattern->words.front().text.empty()) return false;
  if (rule.match == Match::glob && pattern->words.front() != command.words.front()) return false;
  for (std::size_t i = 0; i < pattern->words.size(); ++i)
    if (!word_matches(rule.match, pattern->words[i], command.words[i])) return false;
  return true;
}

enum class Denies { no, perhaps, yes };

/// What the shell makes of a pattern of files: names that fit it, or, where there are none, the pattern itself.
bool may_become(ShellWord const& word, Match match, ShellWord const& expected) {
  if (match == Match::glob) return true;
  auto pattern = word.text.substr(0, word.text.find('['));
  if (pattern.size() < word.text.size()) pattern += '*';
  return matches_wildcard(pattern, expected.text, "");
}

/// Looks at the program's name without its folder, and over assignments and redirections. A pattern of files may become
/// any number of words, so that what comes behind it is not known.
Denies denies_command(ApprovalRule const& rule, std::optional<ShellCommand> const& pattern,
                      ShellCommand const& command) {
  if (!pattern || command.words.empty()) return Denies::no;
  for (std::size_t i = 0; i < pattern->words.size(); ++i) {
    if (i == command.words.size()) return Denies::no;
    auto expected = pattern->words[i], word = command.words[i];
    if (i == 0) {
      expected.text = program_name(expected.text);
      word.text = program_name(word.text);
    }
    if (!word.plain) return may_become(word, rule.match, expected) ? Denies::perhaps : Denies::no;
    if (!word_matches(rule.match, expected, word)) return Denies::no;
  }
  if (size_fits(rule.match, *pattern, command)) return Denies::yes;
  // The words behind an exact one's may all be patterns of no file, which some shells leave out.
  return std::any_of(command.words.begin() + std::ssize(pattern->words), command.words.end(), &is_plain)
             ? Denies::no
             : Denies::perhaps;
}

// ---- paths, addresses, texts ----

bool matches_path(ApprovalRule const& rule, std::string const& path, std::string const& from) {
  auto const pattern = plain_path(rule.input, from);
  switch (rule.match) {
    case Match::exact: return path == pattern;
    case Match::prefix: return is_below(path, pattern);
    case Match::glob: return matches_wildcard(pattern, path, "/");
  }
  return false;
}

bool matches_url(ApprovalRule const& rule, std::string const& url) {
  auto const& pattern = rule.input;
  switch (rule.match) {
    case Match::exact: return url == pattern;
    case Match::prefix:
      return url.starts_with(pattern) && (url.size() == pattern.size() || pattern.ends_with('/') ||
                                          std::string_view("/?#").find(url[pattern.size()]) != std::string_view::npos);
    case Match::glob: return matches_wildcard(pattern, url, kAddressEnds);
  }
  return false;
}

bool matches_text(ApprovalRule const& rule, std::string const& text) {
  switch (rule.match) {
    case Match::exact: return text == rule.input;
    case Match::prefix: return text.starts_with(rule.input);
    case Match::glob: return matches_wildcard(rule.input, text, "");
  }
  return false;
}

std::string lower(std::string text) {
  for (auto& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// Why programs may take it for another address than it looks like; empty: they do not.
std::string url_trouble(std::string const& url) {
  auto const text = lower(url);
  auto const scheme = text.find("://");
  if (scheme == std::string::npos) return "the address has no scheme";
  auto const host = text.substr(scheme + 3, text.find_first_of("/?#", scheme + 3) - scheme - 3);
  if (host.find('@') != std::string::npos) return "the address has a user in it";
  if (std::ranges::any_of(text, [](char c) { return c <= ' ' || c == '\\' || c == 0x7f; }))
    return "the address has a blank, a control character or a \\";
  if (text.find("/.") != std::string::npos || text.find("%2e") != std::string::npos ||
      text.find("%2f") != std::string::npos || text.find("%5c") != std::string::npos)
    return "the address has a part that begins with a dot, or an encoded one";
  return {};
}

// ---- rules ----

/// Of the rules that fit the one with the greatest of these is named.
auto specificity(ApprovalRule const& rule) {
  auto const match = rule.input.empty() ? 0 : rule.match == Match::exact ? 3 : rule.match == Match::prefix ? 2 : 1;
  bool const one_tool = !rule.tool.empty() && !rule.tool.ends_with('*');
  return std::tuple(match, rule.input.size(), rule.agent.empty() ? (rule.tag.empty() ? 0 : 1) : 2, rule.cwd.size(),
                    one_tool);
}

bool is_about(ApprovalRule const& rule, Asker const& asker, ApprovalSubject const& subject) {
  if (!rule.tool.empty() && !matches_tool(rule.tool, subject.tool)) return false;
  if (!rule.tag.empty() && std::ranges::find(asker.tags, rule.tag) == asker.tags.end()) return false;
  if (rule.agent.empty()) return true;
  // An agent that gives a child a name must not get what the configuration allows an agent of that name.
  return rule.agent == asker.agent && !(rule.allow && rule.of_config() && asker.named_by_agent);
}

/// `cwd` empty: nobody knows.
bool is_in(ApprovalRule const& rule, std::string const& cwd) {
  if (rule.cwd.empty()) return true;
  return cwd.empty() ? !rule.allow : is_below(cwd, rule.cwd);
}

/// A rule that is about the request, and its pattern where that is one of commands.
struct Known {
  ApprovalRule const* rule;
  std::optional<ShellCommand> pattern{};
};

class Judge {
 public:
  Judge(std::vector<ApprovalRule> const& rules, Asker const& asker, ApprovalSubject const& subject)
      : asker_(asker), subject_(subject), cwd_(plain_path(subject.cwd, asker.cwd)) {
    for (auto const& rule : rules) {
      if (!is_about(rule, asker, subject)) continue;
      Known known{&rule};
      if (subject.kind == InputKind::command && !rule.input.empty()) known.pattern = command_of(rule);
      (rule.allow ? allowing_ : denying_).push_back(std::move(known));
    }
    // Of equal ones the first is first.
    auto const more = [](Known const& a, Known const& b) {
      auto const one = specificity(*a.rule), other = specificity(*b.rule);
      return one != other ? one > other : a.rule < b.rule;
    };
    std::ranges::sort(allowing_, more);
    std::ranges::sort(denying_, more);
  }

  Verdict verdict() {
    take_apart();
    for (auto const& known : denying_) {
      auto const denial = denies(known);
      if (denial == Denies::perhaps && problem_.empty())
        problem_ = "by a pattern of files it may be what rule " + known.rule->id + " denies: " + to_string(*known.rule);
      if (denial == Denies::yes) {
        verdict_.decision = Verdict::Decision::deny;
        verdict_.rules = {known.rule->id};
        verdict_.why = "rule " + known.rule->id + " denies it: " + to_string(*known.rule);
        return std::move(verdict_);
      }
    }
    verdict_.why = why_not();
    if (verdict_.why.empty()) allow();
    return std::move(verdict_);
  }

 private:
  void take_apart() {
    for (auto const& input : subject_.inputs) {
      std::string trouble;
      if (subject_.kind == InputKind::command) {
        auto line = read_shell_line(input);
        if (!line.problem.empty()) trouble = "the command is not understood: " + line.problem;
        std::ranges::move(line.commands, std::back_inserter(commands_));
      } else if (subject_.kind == InputKind::path) {
        // A provider may take blanks at its ends off.
        if (input.empty() || input.starts_with('~') || input.find('\0') != std::string::npos ||
            is_blank(input.front()) || is_blank(input.back()))
          trouble = "the path cannot be told by its text";
        values_.push_back(plain_path(input, cwd_));
      } else {
        if (subject_.kind == InputKind::url) trouble = url_trouble(input);
        values_.push_back(input);
      }
      if (input.size() > ShellLine::kMost) trouble = "it is longer than is kept of it";
      if (!trouble.empty()) problem_ = trouble;
    }
    auto place = cwd_;
    for (std::size_t i = 0; i < commands_.size(); ++i) {
      verdict_.parts.push_back({to_shell_line(commands_[i])});
      places_.push_back(place);
      inner_.push_back(with_inner_commands(commands_[i]));
      place = place_after(i, place);
    }
    for (auto const& value : values_) verdict_.parts.push_back({value});
  }

  Denies denies(Known const& known) const {
    auto const& rule = *known.rule;
    if (rule.input.empty() && is_in(rule, cwd_)) return Denies::yes;
    auto denial = Denies::no;
    for (std::size_t i = 0; i < commands_.size(); ++i) {
      if (!is_in(rule, places_[i])) continue;
      if (rule.input.empty()) return Denies::yes;
      for (auto const& inner : inner_[i]) denial = std::max(denial, denies_command(rule, known.pattern, inner));
    }
    auto const fits = [&](std::string const& value) { return matches(rule, value); };
    return is_in(rule, cwd_) && std::ranges::any_of(values_, fits) ? Denies::yes : denial;
  }

  bool matches(ApprovalRule const& rule, std::string const& value) const {
    switch (subject_.kind) {
      case InputKind::path: return matches_path(rule, value, asker_.cwd);
      case InputKind::url: {
        if (rule.allow) return matches_url(rule, value);
        auto lowered = rule;
        lowered.input = lower(rule.input);
        return matches_url(lowered, lower(value));
      }
      case InputKind::text: return matches_text(rule, value);
      case InputKind::none:
      case InputKind::command: return false;
    }
    return false;
  }

  /// Why nothing of it can be allowed; empty: something may.
  std::string why_not() const {
    if (!subject_.asks_more.empty()) return subject_.asks_more;
    if (asker_.read_only) return "the agent's approval mode is read-only: rules only deny there";
    if (!problem_.empty()) return problem_;
    if (subject_.kind == InputKind::command && commands_.empty()) return "there is no command";
    return {};
  }

  void allow() {
    bool all = true;
    std::set<std::string> rules;
    auto const judge = [&](Verdict::Part& part, auto const& fits, std::string const& cwd) {
      auto const found = std::ranges::find_if(allowing_, [&](Known const& known) {
        return is_in(*known.rule, cwd) && (known.rule->input.empty() ? by_tool() : fits(known));
      });
      all = all && found != allowing_.end();
      if (found != allowing_.end()) rules.insert(part.rule = found->rule->id);
    };
    for (std::size_t i = 0; i < commands_.size(); ++i) {
      auto const& command = commands_[i];
      auto& part = verdict_.parts[i];
      auto const allows = [&](Known const& known) { return allows_command(*known.rule, known.pattern, command); };
      judge(part, allows, places_[i]);
      if (part.rule.empty()) part.why = why_not_allowed(command);
    }
    for (std::size_t i = 0; i < values_.size(); ++i)
      judge(verdict_.parts[i], [&](Known const& known) { return matches(*known.rule, values_[i]); }, cwd_);
    if (verdict_.parts.empty()) {
      Verdict::Part whole{subject_.tool};
      judge(whole, [](Known const&) { return false; }, cwd_);
    }
    verdict_.rules.assign(rules.begin(), rules.end());
    if (all) {
      verdict_.decision = Verdict::Decision::allow;
      for (auto const& id : verdict_.rules) verdict_.why += (verdict_.why.empty() ? "allowed by rule " : ", ") + id;
      return;
    }
    verdict_.rules.clear();
    auto const open = std::ranges::find_if(verdict_.parts, [](auto const& part) { return part.rule.empty(); });
    verdict_.why = open == verdict_.parts.end()
                       ? "no rule is about " + subject_.tool
                       : "no rule allows " + open->text + (open->why.empty() ? "" : ": " + open->why);
  }

  /// A rule without a pattern is about the tool as a whole; commands are allowed by their words only.
  bool by_tool() const { return subject_.kind != InputKind::command; }

  static std::string why_not_allowed(ShellCommand const& command) {
    if (command.words.empty()) return "it is no command of its own";
    if (command.redirects) return "it reads or writes a file";
    if (is_wrapper(command)) return "it runs what its words say, so only an exact rule allows it";
    if (!command.assignments.empty()) return "a rule must name its assignments";
    return {};
  }

  /// Where the commands after this one are run; empty: nobody knows.
  std::string place_after(std::size_t i, std::string const& place) const {
    auto const& command = commands_[i];
    auto const name = command.words.empty() ? std::string_view() : program_name(command.words.front().text);
    if (!has_word("cd pushd popd", name)) return place;
    bool const sure = name == "cd" && command.words.size() == 2 && command.words[1].plain && !place.empty() &&
                      !command.words[1].text.empty() && !command.words[1].text.starts_with('-') &&
                      !command.words[1].text.starts_with('+') &&
                      !command.silenced &&  // `cd x &>/dev/null` is another thing to dash
                      (i == 0 || commands_[i].before == "&&") &&
                      std::ranges::all_of(commands_.begin() + static_cast<std::ptrdiff_t>(i) + 1, commands_.end(),
                                          [](auto const& after) { return after.before == "&&"; });
    return sure ? plain_path(command.words[1].text, place) : std::string();
  }

  Asker const& asker_;
  ApprovalSubject const& subject_;
  std::string const cwd_;
  std::vector<Known> allowing_{}, denying_{};
  std::vector<ShellCommand> commands_{};
  std::vector<std::vector<ShellCommand>> inner_{};  ///< of each command what might be one in it, itself included
  std::vector<std::string> places_{};               ///< where each command is run; empty: nobody knows
  std::vector<std::string> values_{};
  std::string problem_{};
  Verdict verdict_{};
};

Error cannot_be_a_rule(std::string const& why) {
  return conflict("cannot_be_a_rule", why + "; approve it alone, or write a rule of your own (docs/approval-rules.md)");
}

}  // namespace

std::string_view to_string(Verdict::Decision decision) {
  switch (decision) {
    case Verdict::Decision::ask: return "ask";
    case Verdict::Decision::allow: return "allow";
    case Verdict::Decision::deny: return "deny";
  }
  return "ask";
}

std::string plain_path(std::string const& path, std::string const& from) {
  std::filesystem::path const given(path);
  auto plain = (given.is_absolute() ? given : std::filesystem::path(from) / given).lexically_normal().string();
  if (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
  return plain;
}

Verdict verdict_of(std::vector<ApprovalRule> const& rules, Asker const& asker, ApprovalSubject const& subject) {
  return Judge(rules, asker, subject).verdict();
}

Result<ApprovalRule> rule_for(ApprovalSubject const& subject) {
  if (!subject.asks_more.empty()) return cannot_be_a_rule("no rule can allow this: " + subject.asks_more);
  if (subject.inputs.size() != 1)
    return cannot_be_a_rule(subject.inputs.empty() ? "it does not say what " + subject.tool + " is to be used on"
                                                   : "it is about several files");
  ApprovalRule rule;
  rule.allow = true;
  rule.tool = subject.tool;
  rule.input = subject.inputs.front();
  rule.cwd = subject.cwd;
  if (subject.kind == InputKind::path) rule.input = plain_path(rule.input, subject.cwd);
  if (subject.kind == InputKind::command) {
    auto const line = read_shell_line(rule.input);
    if (!line.problem.empty()) return cannot_be_a_rule("the command is not understood: " + line.problem);
    if (line.commands.size() != 1) return cannot_be_a_rule("the line has several commands");
    auto const& command = line.commands.front();
    if (command.redirects) return cannot_be_a_rule("the command reads or writes a file");
    if (!all_plain(command.words) || !all_plain(command.assignments))
      return cannot_be_a_rule("the command has a pattern of files");
    rule.input = to_shell_line(command);
  }
  Asker const somebody{"", subject.cwd, {}, false, false};
  if (auto const verdict = verdict_of({rule}, somebody, subject); verdict.decision != Verdict::Decision::allow)
    return cannot_be_a_rule("no rule can allow this: " + verdict.why);
  auto checked = read_approval_rule([&] {
    auto body = to_json(rule);
    for (auto const* name : {"id", "createdAt"}) body.erase(name);
    return body;
  }());
  if (!checked) return cannot_be_a_rule("no rule can be made of this: " + checked.error().message);
  return checked;
}

}  // namespace ar
