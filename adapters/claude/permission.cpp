#include "adapters/claude/permission.hpp"

#include <algorithm>

namespace ar::adapters::claude {
namespace {

constexpr char const* kDenied = "The person who was asked denied this.";

json const& array_at(json const& object, char const* name) {
  static json const none = json::array();
  if (!object.is_object()) return none;
  auto const it = object.find(name);
  return it != object.end() && it->is_array() ? *it : none;
}

json const& input_of(json const& payload) {
  static json const none = json::object();
  auto const it = payload.find("tool_input");
  return it != payload.end() ? *it : none;
}

/// Empty when the input is not what AskUserQuestion takes.
std::vector<Question> questions_of(json const& input) {
  std::vector<Question> questions;
  for (auto const& asked : array_at(input, "questions")) {
    Question question;
    question.id = std::to_string(questions.size() + 1);
    question.text = text_at(asked, "question");
    question.header = text_at(asked, "header");
    for (auto const& option : array_at(asked, "options"))
      question.options.push_back({text_at(option, "label"), text_at(option, "description")});
    question.multiple = truth_at(asked, "multiSelect");
    question.free_text = true;  // the dialog's "Type something"
    if (question.text.empty()) return {};
    questions.push_back(std::move(question));
  }
  return questions;
}

/// "Bash: touch x": the tool and the one part of its input that says most.
std::string summary_of(std::string const& tool, json const& input) {
  for (auto const* name : {"command", "file_path", "notebook_path", "url", "path", "pattern", "query", "description"})
    if (auto const text = text_at(input, name); !text.empty()) return tool + ": " + one_line(text);
  return tool;
}

/// What the dialog's "don't ask again" would set, kept to this session: nothing of it is written to a file.
json session_permissions(json const& payload) {
  json permissions = array_at(payload, "permission_suggestions");
  for (auto& permission : permissions)
    if (permission.is_object()) permission["destination"] = "session";
  return permissions;
}

std::vector<std::string> grant_of(json const& permissions) {
  std::vector<std::string> grant;
  for (auto const& permission : permissions) {
    auto const type = text_at(permission, "type");
    if (type == "setMode") {
      grant.push_back("permission mode " + text_at(permission, "mode"));
    } else if (type == "addDirectories") {
      for (auto const& directory : array_at(permission, "directories"))
        if (directory.is_string()) grant.push_back("access to " + directory.get<std::string>());
    } else if (type == "addRules") {
      for (auto const& rule : array_at(permission, "rules")) {
        auto const content = text_at(rule, "ruleContent");
        grant.push_back(text_at(rule, "toolName") + (content.empty() ? "" : "(" + content + ")"));
      }
    } else if (!type.empty()) {
      grant.push_back(type);
    }
  }
  return grant;
}

}  // namespace

Result<ApprovalRequest> request_of(std::string key, json const& payload) {
  ApprovalRequest request;
  request.key = std::move(key);
  request.tool = text_at(payload, "tool_name");
  if (request.tool.empty()) return invalid("tool_name", "the PermissionRequest names no tool; it stays on the screen");
  auto const& input = input_of(payload);
  request.input = bounded(input);
  request.cwd = text_at(payload, "cwd");
  if (request.tool == "AskUserQuestion") request.questions = questions_of(input);
  if (!request.questions.empty()) {
    request.kind = ApprovalRequest::Kind::question;
    request.summary = one_line(request.questions.front().text);
    request.choices = {Decision::answer, Decision::deny, Decision::abort};
    return request;
  }
  request.summary = summary_of(request.tool, input);
  request.session_grant = grant_of(session_permissions(payload));
  request.choices = {Decision::approve, Decision::deny, Decision::abort};
  // What the CLI would not remember in its own dialog is not remembered here either.
  if (!request.session_grant.empty()) request.choices.insert(request.choices.begin() + 1, Decision::approve_session);
  return request;
}

json hook_output(json const& payload, Answer const& answer) {
  if (!answer.decision) return json::object();
  json decision = json::object();
  switch (*answer.decision) {
    case Decision::approve: decision["behavior"] = "allow"; break;
    case Decision::approve_session:
      decision["behavior"] = "allow";
      decision["updatedPermissions"] = session_permissions(payload);
      break;
    case Decision::deny:
    case Decision::abort:
      decision["behavior"] = "deny";
      decision["message"] = answer.reason.empty() ? std::string(kDenied) : answer.reason;
      if (*answer.decision == Decision::abort) decision["interrupt"] = true;
      break;
    case Decision::answer: {
      auto input = input_of(payload);
      auto const& asked = array_at(input, "questions");
      json answers = json::object();
      for (std::size_t i = 0; i < asked.size() && i < answer.answers.size(); ++i) {
        std::string text;
        for (auto const& one : answer.answers[i]) text += (text.empty() ? "" : ", ") + one;
        answers[text_at(asked[i], "question")] = std::move(text);
      }
      input["answers"] = std::move(answers);
      decision["behavior"] = "allow";
      decision["updatedInput"] = std::move(input);
      break;
    }
  }
  json output;
  output["hookSpecificOutput"] = {{"hookEventName", "PermissionRequest"}, {"decision", std::move(decision)}};
  return output;
}

}  // namespace ar::adapters::claude
