#include "model/approval_rule.hpp"

#include "base/ids.hpp"
#include "base/unicode.hpp"
#include "base/words.hpp"
#include "model/command_wrapper.hpp"
#include "model/shell_line.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

namespace ar {
namespace {

using Match = ApprovalRule::Match;

constexpr std::size_t kMostTool = 128, kMostInput = 1024, kMostTag = 256;
constexpr std::array<std::string_view, 3> kMatches{"exact", "prefix", "glob"};

constexpr std::array<std::pair<std::string_view, InputKind>, 12> kTools{{{"Bash", InputKind::command},
                                                                         {"commandExecution", InputKind::command},
                                                                         {"Edit", InputKind::path},
                                                                         {"Glob", InputKind::path},
                                                                         {"Grep", InputKind::path},
                                                                         {"MultiEdit", InputKind::path},
                                                                         {"NotebookEdit", InputKind::path},
                                                                         {"Read", InputKind::path},
                                                                         {"Write", InputKind::path},
                                                                         {"fileChange", InputKind::path},
                                                                         {"WebFetch", InputKind::url},
                                                                         {"WebSearch", InputKind::text}}};

bool is_tool(std::string_view text) {
  auto const name = text.ends_with('*') ? text.substr(0, text.size() - 1) : text;
  return text.size() <= kMostTool &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~' && c != '*' && c != '"' && c != '\\'; });
}

bool has_glob(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

/// What is wrong with a pattern of commands; empty: nothing.
std::string command_problem(ApprovalRule const& rule) {
  auto const line = rule.match == Match::glob ? read_shell_pattern(rule.input) : read_shell_line(rule.input);
  if (!line.problem.empty()) return "is not understood as a command: " + line.problem;
  if (line.commands.size() != 1)
    return "must be one command; write a rule for each part of a line (docs/approval-rules.md)";
  auto const& command = line.commands.front();
  if (command.words.empty()) return "names no command";
  if (command.redirects) return "has a redirection; what reads or writes a file is never allowed or denied by it";
  if (!std::ranges::all_of(command.words, &ShellWord::plain) ||
      !std::ranges::all_of(command.assignments, &ShellWord::plain))
    return "has a * or ?; quote it, or use the match glob";
  if (!rule.allow) return {};
  if (rule.match == Match::glob && has_glob(command.words.front().text))
    return "must name the command itself: a pattern of commands allows too much";
  if (rule.match != Match::exact && is_wrapper(command))
    return "names " + std::string(program_name(command.words.front().text)) +
           ", which runs what its words say: it is allowed by an exact match only";
  return {};
}

std::string path_problem(ApprovalRule const& rule) {
  if (rule.input.starts_with('~')) return "begins with ~; write the folder itself";
  for (auto const& part : std::filesystem::path(rule.input))
    if (part == "..") return "has a .. in it; write the folder itself";
  return {};
}

std::string url_problem(ApprovalRule const& rule) {
  auto const scheme = rule.input.find("://");
  if (scheme == std::string::npos || has_glob(rule.input.substr(0, scheme)))
    return "must begin with a scheme, like https://";
  return {};
}

std::string input_problem(ApprovalRule const& rule) {
  if (rule.input.size() > kMostInput) return "may have " + std::to_string(kMostInput) + " bytes";
  if (!is_utf8(rule.input)) return "is not UTF-8";
  switch (input_kind_of(rule.tool)) {
    case InputKind::command: return command_problem(rule);
    case InputKind::path: return path_problem(rule);
    case InputKind::url: return url_problem(rule);
    case InputKind::none:
    case InputKind::text: return {};
  }
  return {};
}

}  // namespace

InputKind input_kind_of(std::string_view tool) {
  auto const found = std::ranges::find(kTools, tool, &std::pair<std::string_view, InputKind>::first);
  return found == kTools.end() ? InputKind::none : found->second;
}

Result<ApprovalRule> read_approval_rule(json const& body) {
  FieldReader in(body);
  ApprovalRule rule;
  in.require("decision");
  auto const decision = in.string("decision");
  if (!has_word(kRuleDecisions, decision)) in.fail("decision", "must be allow or deny");
  rule.allow = decision == "allow";
  rule.tool = in.string("tool");
  if (!is_tool(rule.tool))
    in.fail("tool", "is no tool's name; write it as the provider does, and * at its end for all that begin so");
  rule.input = in.string("input");
  auto const match = in.string("match", "exact");
  auto const known = std::ranges::find(kMatches, match);
  if (known == kMatches.end())
    in.fail("match", "must be exact, prefix or glob");
  else
    rule.match = static_cast<Match>(known - kMatches.begin());
  rule.cwd = in.string("cwd");
  if (!rule.cwd.empty()) {
    if (!rule.cwd.starts_with('/') || rule.cwd.size() > kMostInput || !line_problem(rule.cwd).empty())
      in.fail("cwd", "must be a folder's path from / on");
    rule.cwd = std::filesystem::path(rule.cwd).lexically_normal().string();
  }
  rule.agent = in.string("agent");
  if (!rule.agent.empty() && !is_safe_name(rule.agent)) in.fail("agent", "is no agent's name");
  rule.tag = in.string("tag");
  if (rule.tag.size() > kMostTag || (!rule.tag.empty() && !line_problem(rule.tag).empty()))
    in.fail("tag", "is no agent's tag");
  if (!rule.agent.empty() && !rule.tag.empty()) in.fail("tag", "and agent are two ways to say whose; give one");
  if (auto const until = in.maybe_string("until")) {
    rule.until = from_iso8601(*until);
    if (!rule.until) in.fail("until", "must be a time like 2026-01-31T12:00:00.000Z");
  }
  if (rule.input.empty() && body.is_object() && body.contains("match") && !body["match"].is_null())
    in.fail("match", "says how input matches, and there is no input");
  if (auto const problem = rule.input.empty() ? std::string() : input_problem(rule); !problem.empty())
    in.fail("input", problem);
  if (rule.tool.empty() && rule.input.empty())
    in.fail("tool", "and input are both missing; say what the rule is about");
  if (rule.allow && rule.input.empty() && rule.tool == "*")
    in.fail("tool", "must say which tool: what allows everything is the approval mode full, not a rule");
  if (rule.allow && rule.input.empty() && input_kind_of(rule.tool) == InputKind::command)
    in.fail("input", "is missing: a rule allows commands by their words only");
  if (auto error = in.finish()) return *error;
  return rule;
}

json to_json(ApprovalRule const& rule) {
  json shown = {{"id", rule.id}, {"decision", rule.allow ? "allow" : "deny"}};
  for (auto const& [name, value] : {std::pair{"tool", &rule.tool}, {"input", &rule.input}})
    if (!value->empty()) shown[name] = *value;
  if (!rule.input.empty()) shown["match"] = kMatches.at(static_cast<std::size_t>(rule.match));
  for (auto const& [name, value] : {std::pair{"cwd", &rule.cwd}, {"agent", &rule.agent}, {"tag", &rule.tag}})
    if (!value->empty()) shown[name] = *value;
  if (rule.until) shown["until"] = to_iso8601(*rule.until);
  if (!rule.of_config()) shown["createdAt"] = to_iso8601(rule.created_at);
  if (rule.approval != 0) shown["approval"] = rule.approval;
  return shown;
}

std::string to_string(ApprovalRule const& rule) {
  std::string text = rule.allow ? "allow" : "deny";
  text += " " + (rule.tool.empty() ? "any tool" : rule.tool);
  if (!rule.input.empty())
    text += " " + rule.input + " (" + std::string(kMatches.at(static_cast<std::size_t>(rule.match))) + ")";
  return text;
}

}  // namespace ar
