#include "adapters/codex/requests.hpp"

#include "adapters/codex/protocol.hpp"

#include <array>
#include <charconv>

namespace ar::adapters::codex {
namespace {

constexpr std::string_view kCommand = "item/commandExecution/requestApproval";
constexpr std::string_view kFileChange = "item/fileChange/requestApproval";
constexpr std::string_view kPermissions = "item/permissions/requestApproval";
constexpr std::string_view kUserInput = "item/tool/requestUserInput";
constexpr std::string_view kElicitation = "mcpServer/elicitation/request";

json member(json const& object, char const* name) {
  if (!object.is_object()) return nullptr;
  auto const it = object.find(name);
  return it == object.end() ? json() : *it;
}

/// What people should see of the parameters: all but the ids.
json shown_input(json const& params) {
  json shown = params.is_object() ? params : json::object();
  for (auto const* id : {"threadId", "turnId", "itemId", "startedAtMs", "approvalId", "environmentId", "commandActions",
                         "availableDecisions", "questions", "elicitationId", "_meta"})
    shown.erase(id);
  for (auto it = shown.begin(); it != shown.end();) it = it->is_null() ? shown.erase(it) : std::next(it);
  return bounded(shown);
}

std::vector<Question> user_input_questions(json const& params) {
  std::vector<Question> questions;
  for (auto const& asked : member(params, "questions")) {
    Question question;
    question.id = text_at(asked, {"id"});
    question.header = text_at(asked, {"header"});
    question.text = text_at(asked, {"question"});
    if (auto const options = member(asked, "options"); options.is_array())
      for (auto const& option : options)
        question.options.push_back({text_at(option, {"label"}), text_at(option, {"description"})});
    question.free_text = truth_at(asked, "isOther") || question.options.empty();
    question.secret = truth_at(asked, "isSecret");
    questions.push_back(std::move(question));
  }
  return questions;
}

/// The fields of an MCP server's form as questions.
std::vector<Question> form_questions(json const& params) {
  std::vector<Question> questions;
  auto const properties = member(member(params, "requestedSchema"), "properties");
  if (!properties.is_object()) return questions;
  for (auto const& [name, schema] : properties.items()) {
    Question question;
    question.id = name;
    question.header = text_at(schema, {"title"});
    question.text = text_at(schema, {"description"});
    if (question.text.empty()) question.text = question.header.empty() ? name : question.header;
    auto const add = [&](json const& values) {
      if (!values.is_array()) return;
      for (auto const& value : values) {
        if (value.is_string()) question.options.push_back({value.get<std::string>()});
        if (value.is_object()) question.options.push_back({text_at(value, {"const"}), text_at(value, {"title"})});
      }
    };
    question.multiple = text_at(schema, {"type"}) == "array";
    auto const choices = question.multiple ? member(schema, "items") : schema;
    for (auto const* list : {"enum", "oneOf", "anyOf"}) add(member(choices, list));
    if (text_at(schema, {"type"}) == "boolean") question.options = {{"true"}, {"false"}};
    question.free_text = question.options.empty();
    questions.push_back(std::move(question));
  }
  return questions;
}

/// The whole text as a number, or as the text that it is: the server then says what is wrong with it.
template <class Number>
json number_in(std::string const& text) {
  Number number{};
  auto const [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  return ec == std::errc() && end == text.data() + text.size() ? json(number) : json(text);
}

/// A form's field in the type that its schema names.
json form_value(json const& schema, std::vector<std::string> const& answers) {
  auto const type = text_at(schema, {"type"});
  if (type == "array") return answers;
  auto const text = answers.empty() ? std::string() : answers.front();
  if (type == "boolean") return text == "true";
  if (type == "integer") return number_in<std::int64_t>(text);
  if (type == "number") return number_in<double>(text);
  return text;
}

std::string no_answer(Answer const& answer) {
  return answer.reason.empty() ? "No answer: the person who was asked declined to give one."
                               : "No answer: " + answer.reason;
}

json user_input_result(json const& params, Answer const& answer) {
  json answers = json::object();
  std::size_t i = 0;
  for (auto const& question : user_input_questions(params)) {
    std::vector<std::string> texts{no_answer(answer)};
    if (answer.decision == Decision::answer)
      texts = i < answer.answers.size() ? answer.answers[i] : std::vector<std::string>();
    answers[question.id]["answers"] = std::move(texts);
    ++i;
  }
  json result;
  result["answers"] = std::move(answers);
  return result;
}

json elicitation_result(json const& params, Answer const& answer) {
  auto const accepts = answer.decision == Decision::answer || answer.decision == Decision::approve;
  json result{{"action", accepts                              ? "accept"
                         : answer.decision == Decision::abort ? "cancel"
                                                              : "decline"},
              {"content", nullptr},
              {"_meta", nullptr}};
  if (!accepts || text_at(params, {"mode"}) == "url") return result;
  result["content"] = json::object();
  auto const properties = member(member(params, "requestedSchema"), "properties");
  std::size_t i = 0;
  for (auto const& question : form_questions(params)) {
    if (i < answer.answers.size())
      result["content"][question.id] = form_value(properties[question.id], answer.answers[i]);
    ++i;
  }
  return result;
}

}  // namespace

std::optional<ApprovalRequest> request_of(std::string key, std::string const& method, json const& params,
                                          json const& changes) {
  ApprovalRequest request;
  request.key = std::move(key);
  request.input = shown_input(params);
  request.cwd = text_at(params, {"cwd"});
  request.choices = {Decision::approve, Decision::approve_session, Decision::deny, Decision::abort};
  if (method == kCommand) {
    request.tool = "commandExecution";
    auto const command = text_at(params, {"command"});
    request.summary = "the command " + (command.empty() ? std::string("(not named)") : one_line(command));
    request.session_grant = {"the same command"};
  } else if (method == kFileChange) {
    request.tool = "fileChange";
    request.summary = "a change of files";
    if (changes.is_array() && !changes.empty()) {
      request.input["changes"] = bounded(changes);
      request.summary = "a change of " + one_line(text_at(changes.front(), {"path"}));
      if (changes.size() > 1) request.summary += " and " + std::to_string(changes.size() - 1) + " more";
    }
    request.session_grant = {"changes of the same files"};
  } else if (method == kPermissions) {
    request.tool = "permissions";
    auto const reason = text_at(params, {"reason"});
    request.summary = "more permissions" + (reason.empty() ? std::string() : ": " + one_line(reason));
    request.session_grant = {"these permissions"};
  } else if (method == kUserInput) {
    request.tool = "requestUserInput";
    request.questions = user_input_questions(params);
    if (request.questions.empty()) return std::nullopt;
  } else if (method == kElicitation) {
    request.tool = "elicitation:" + text_at(params, {"serverName"});
    request.questions = form_questions(params);
    auto const message = text_at(params, {"message"});
    request.summary = one_line(message.empty() ? text_at(params, {"title"}) : message);
    request.choices = {Decision::approve, Decision::deny, Decision::abort};
  } else {
    return std::nullopt;
  }
  if (!request.questions.empty()) {
    request.kind = ApprovalRequest::Kind::question;
    if (request.summary.empty()) request.summary = one_line(request.questions.front().text);
    request.choices = {Decision::answer, Decision::deny, Decision::abort};
  }
  return request;
}

std::optional<json> result_of(std::string const& method, json const& params, Answer const& answer) {
  auto const decision = answer.decision.value_or(Decision::deny);
  if (method == kElicitation) return elicitation_result(params, answer);
  if (method == kUserInput) {
    if (decision == Decision::abort) return std::nullopt;
    return user_input_result(params, answer);
  }
  if (method == kPermissions) {
    if (decision == Decision::abort) return std::nullopt;
    bool const granted = decision != Decision::deny;
    json result{{"scope", decision == Decision::approve_session ? "session" : "turn"}};
    auto asked = member(params, "permissions");
    result["permissions"] = granted && asked.is_object() ? std::move(asked) : json::object();
    return result;
  }
  json result;
  result["decision"] = decision == Decision::approve           ? "accept"
                       : decision == Decision::approve_session ? "acceptForSession"
                       : decision == Decision::deny            ? "decline"
                                                               : "cancel";
  return result;
}

bool drops_reason(std::string const& method) {
  return method == kCommand || method == kFileChange || method == kPermissions || method == kElicitation;
}

std::string waiting_text(ApprovalRequest const& request) {
  return (request.kind == ApprovalRequest::Kind::question ? "an answer: " : "approval of ") + request.summary;
}

}  // namespace ar::adapters::codex
