#include "daemon/agent/approval_subject.hpp"

#include "model/shell_line.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace ar::daemon {
namespace {

/// A tool's main field is the first of these that it has.
constexpr std::array<std::pair<char const*, InputKind>, 9> kMainFields{{{"command", InputKind::command},
                                                                        {"file_path", InputKind::path},
                                                                        {"notebook_path", InputKind::path},
                                                                        {"path", InputKind::path},
                                                                        {"url", InputKind::url},
                                                                        {"uri", InputKind::url},
                                                                        {"query", InputKind::text},
                                                                        {"pattern", InputKind::text},
                                                                        {"name", InputKind::text}}};

/// Parameters by which a call asks for more than the rest of it says. Of both providers.
constexpr std::array kAsksMore{"dangerouslyDisableSandbox", "additionalPermissions", "networkApprovalContext",
                               "grantRoot"};

/// Codex has each command run by the person's shell: `/bin/bash -lc COMMAND`. The rules are about COMMAND.
constexpr std::array<std::string_view, 6> kShells{"/bin/bash",     "/bin/sh",     "/bin/zsh",
                                                  "/usr/bin/bash", "/usr/bin/sh", "/usr/bin/zsh"};

std::string without_shell(std::string const& text) {
  auto const line = read_shell_line(text);
  if (!line.problem.empty() || line.commands.size() != 1) return text;
  auto const& command = line.commands.front();
  auto const& words = command.words;
  bool const runs_script =
      command.assignments.empty() && !command.redirects && words.size() == 3 && std::ranges::all_of(words, &ShellWord::plain) &&
      std::ranges::find(kShells, words[0].text) != kShells.end() && (words[1].text == "-lc" || words[1].text == "-c");
  return runs_script ? words[2].text : text;
}

/// A change that moves a file is about both of its places.
void add_changes(json const& input, ApprovalSubject& subject) {
  subject.kind = InputKind::path;
  auto const changes = input.find("changes");
  bool known = changes != input.end() && changes->is_array() && !changes->empty();
  if (known)
    for (auto const& change : *changes) {
      auto const path = text_at(change, "path");
      auto const to = text_at(change, {"kind", "move_path"});
      known = known && !path.empty();
      subject.inputs.push_back(path);
      if (!to.empty()) subject.inputs.push_back(to);
    }
  if (!known) subject.asks_more = "the provider does not say which files it changes";
}

}  // namespace

ApprovalSubject subject_of(adapters::ApprovalRequest const& request, std::string const& agent_cwd) {
  ApprovalSubject subject;
  subject.tool = request.tool;
  subject.cwd = request.cwd.empty() ? agent_cwd : request.cwd;
  auto const& input = request.input;
  if (!input.is_object()) return subject;
  for (auto const* more : kAsksMore)
    if (auto const it = input.find(more); it != input.end() && !it->is_null() && *it != false)
      subject.asks_more = std::string("it asks for more than the tool's use (") + more + ")";
  if (input.contains("cut")) subject.asks_more = "what it asks for is longer than is kept of it";
  if (request.tool == "fileChange") {
    add_changes(input, subject);
    return subject;
  }
  for (auto const& [name, kind] : kMainFields) {
    auto const text = text_at(input, name);
    if (text.empty()) continue;
    subject.kind = kind;
    subject.inputs = {request.tool == "commandExecution" ? without_shell(text) : text};
    break;
  }
  // Which of them the tool goes by nobody here knows.
  auto const places = std::ranges::count_if(kMainFields, [&](auto const& field) {
    return field.second != InputKind::text && !text_at(input, field.first).empty();
  });
  if (places > 1) subject.asks_more = "it names more than one command, path or address";
  auto const pattern = text_at(input, "pattern");
  if (request.tool == "Glob" &&
      (pattern.starts_with('/') || pattern.starts_with('~') || pattern.find("..") != pattern.npos))
    subject.asks_more = "its pattern leaves its folder";
  if (subject.inputs.empty()) subject.kind = input_kind_of(request.tool);
  return subject;
}

}  // namespace ar::daemon
