#include "daemon/agent/approval.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace ar::daemon {
using adapters::Answer;
using adapters::ApprovalRequest;
using adapters::Decision;
using adapters::Question;
namespace {

constexpr std::array<std::string_view, 8> kStatuses{"pending", "approved", "approved-session", "denied",
                                                    "aborted", "answered", "expired",          "withdrawn"};

bool is_question(ApprovalRequest const& request) { return request.kind == ApprovalRequest::Kind::question; }

bool has_secret(ApprovalRequest const& request) { return std::ranges::any_of(request.questions, &Question::secret); }

json to_json(Question const& question) {
  json shown = {{"id", question.id}, {"text", question.text}};
  if (!question.header.empty()) shown["header"] = question.header;
  for (auto const& option : question.options)
    shown["options"].push_back({{"label", option.label}, {"description", option.description}});
  shown["multiple"] = question.multiple;
  shown["freeText"] = question.free_text;
  shown["secret"] = question.secret;
  return shown;
}

Question question_from(json const& stored) {
  Question question;
  question.id = stored.value("id", "");
  question.text = stored.value("text", "");
  question.header = stored.value("header", "");
  for (auto const& option : stored.value("options", json::array()))
    question.options.push_back({option.value("label", ""), option.value("description", "")});
  question.multiple = stored.value("multiple", false);
  question.free_text = stored.value("freeText", false);
  question.secret = stored.value("secret", false);
  return question;
}

json optional_time(std::optional<WallTime> const& time) { return time ? json(to_iso8601(*time)) : json(nullptr); }

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// The option that is meant: as it is written, else whatever its capitals.
Question::Option const* find_option(Question const& question, std::string_view text) {
  for (auto const& option : question.options)
    if (option.label == text) return &option;
  for (auto const& option : question.options)
    if (lower(option.label) == lower(text)) return &option;
  return nullptr;
}

/// "S, L" as ["S", "L"] when each is an option.
std::vector<std::string> split_options(Question const& question, std::string const& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    auto const comma = std::min(text.find(',', at), text.size());
    auto part = text.substr(at, comma - at);
    part.erase(0, part.find_first_not_of(' '));
    part.erase(part.find_last_not_of(' ') + 1);
    if (!find_option(question, part)) return {text};
    parts.push_back(std::move(part));
    at = comma + 1;
  }
  return parts;
}

/// The texts for one question, checked; `field` names them in errors.
Result<std::vector<std::string>> answers_to(Question const& question, json const& given, std::string const& field) {
  std::vector<std::string> texts;
  auto const strings = [](json const& list) {
    return std::ranges::all_of(list, [](json const& v) { return v.is_string(); });
  };
  if (given.is_string())
    texts = question.multiple ? split_options(question, given.get<std::string>())
                              : std::vector<std::string>{given.get<std::string>()};
  else if (given.is_array() && strings(given))
    texts = given.get<std::vector<std::string>>();
  else
    return invalid(field, field + " must be a text or a list of texts");
  if (texts.empty() || std::ranges::any_of(texts, &std::string::empty))
    return invalid(field, field + " is empty; give an answer to \"" + adapters::one_line(question.text) + "\"");
  if (texts.size() > 1 && !question.multiple)
    return invalid(
        field, "\"" + adapters::one_line(question.text) + "\" takes one answer, not " + std::to_string(texts.size()));
  for (auto& text : texts) {
    if (auto const* option = find_option(question, text)) {
      text = option->label;
    } else if (!question.options.empty() && !question.free_text) {
      std::string labels;
      for (auto const& one : question.options) labels += (labels.empty() ? "" : ", ") + one.label;
      return invalid(field, "\"" + adapters::one_line(text) + "\" is no answer to \"" +
                                adapters::one_line(question.text) + "\"; choose from: " + labels);
    }
  }
  return texts;
}

}  // namespace

std::string_view to_string(ApprovalStatus status) { return kStatuses[static_cast<std::size_t>(status)]; }

std::optional<ApprovalStatus> approval_status_from(std::string_view word) {
  for (std::size_t i = 0; i < kStatuses.size(); ++i)
    if (kStatuses[i] == word) return static_cast<ApprovalStatus>(i);
  return std::nullopt;
}

ApprovalStatus status_after(Decision decision) {
  switch (decision) {
    case Decision::approve: return ApprovalStatus::approved;
    case Decision::approve_session: return ApprovalStatus::approved_session;
    case Decision::deny: return ApprovalStatus::denied;
    case Decision::abort: return ApprovalStatus::aborted;
    case Decision::answer: return ApprovalStatus::answered;
  }
  return ApprovalStatus::denied;
}

json to_json(Approval const& approval) {
  auto const& request = approval.request;
  json shown = {{"id", approval.id},
                {"agent", approval.agent},
                {"kind", to_string(request.kind)},
                {"tool", request.tool},
                {"summary", request.summary},
                {"input", request.input},
                {"choices", json::array()},
                {"createdAt", to_iso8601(approval.created_at)},
                {"deadline", optional_time(approval.deadline)},
                {"status", to_string(approval.status)}};
  if (!request.cwd.empty()) shown["cwd"] = request.cwd;
  for (auto const choice : request.choices) shown["choices"].push_back(to_string(choice));
  for (auto const& question : request.questions) shown["questions"].push_back(to_json(question));
  if (!request.session_grant.empty()) shown["sessionGrant"] = request.session_grant;
  if (approval.status == ApprovalStatus::pending) return shown;
  shown["endedAt"] = optional_time(approval.ended_at);
  shown["where"] = approval.decider.where;
  if (!approval.decider.by.empty()) shown["by"] = approval.decider.by;
  auto const& answer = approval.answer;
  shown["decision"] = answer.decision ? json(to_string(*answer.decision)) : json(nullptr);
  if (!answer.reason.empty()) shown["reason"] = answer.reason;
  for (std::size_t i = 0; i < answer.answers.size() && i < request.questions.size(); ++i)
    if (!request.questions[i].secret) shown["answers"][request.questions[i].id] = answer.answers[i];
  return shown;
}

json to_journal(Approval const& approval) {
  json stored = to_json(approval);
  stored["key"] = approval.request.key;
  stored["providerSession"] = approval.provider_session;
  stored["createdAt"] = to_millis(approval.created_at);
  for (auto const& [name, time] : {std::pair{"deadline", approval.deadline}, std::pair{"endedAt", approval.ended_at}})
    stored[name] = time ? json(to_millis(*time)) : json(nullptr);
  return stored;
}

Approval approval_from_journal(json const& stored) {
  auto const time = [&](char const* name) -> std::optional<WallTime> {
    auto const it = stored.find(name);
    if (it == stored.end() || !it->is_number_integer()) return std::nullopt;
    return from_millis(it->get<std::int64_t>());
  };
  Approval approval;
  approval.id = stored.value("id", std::int64_t{0});
  approval.agent = stored.value("agent", "");
  approval.provider_session = stored.value("providerSession", "");
  auto& request = approval.request;
  request.key = stored.value("key", "");
  request.kind = adapters::kind_from(stored.value("kind", ""));
  request.tool = stored.value("tool", "");
  request.summary = stored.value("summary", "");
  request.input = stored.value("input", json::object());
  request.cwd = stored.value("cwd", "");
  for (auto const& choice : stored.value("choices", json::array()))
    if (auto const decision = adapters::decision_from(choice.get<std::string>())) request.choices.push_back(*decision);
  for (auto const& question : stored.value("questions", json::array()))
    request.questions.push_back(question_from(question));
  request.session_grant = stored.value("sessionGrant", request.session_grant);
  approval.created_at = time("createdAt").value_or(WallTime{});
  approval.deadline = time("deadline");
  approval.ended_at = time("endedAt");
  approval.status = approval_status_from(stored.value("status", "")).value_or(ApprovalStatus::withdrawn);
  approval.decider = {stored.value("where", ""), stored.value("by", "")};
  auto& answer = approval.answer;
  answer.reason = stored.value("reason", "");
  if (auto const it = stored.find("decision"); it != stored.end() && it->is_string())
    answer.decision = adapters::decision_from(it->get<std::string>());
  auto const answers = stored.value("answers", json::object());
  if (answer.decision == Decision::answer) {
    for (auto const& question : request.questions)
      answer.answers.push_back(answers.value(question.id, std::vector<std::string>()));
    if (has_secret(request)) answer = {};
  }
  return approval;
}

std::string outcome_text(Approval const& approval) {
  auto text = "approval " + std::to_string(approval.id) + " ";
  auto const at = approval.ended_at ? " at " + to_iso8601(*approval.ended_at) : std::string();
  switch (approval.status) {
    case ApprovalStatus::pending: return text + "is pending";
    case ApprovalStatus::expired:
      return text + "has been left to the person at the terminal" + at + "; answer it there: agent-runner attach " +
             approval.agent;
    case ApprovalStatus::withdrawn: return text + "was withdrawn" + at + ": its turn or its process is over";
    default: break;
  }
  auto const& [where, by] = approval.decider;
  std::string how = where == "terminal"   ? " at the terminal"
                    : where == "deadline" ? " by its deadline"
                    : where == "policy"   ? ", since its agent was started with nobody to ask"
                    : where == "rule"     ? " by a rule"
                                          : " over " + where;
  std::string const word = approval.status == ApprovalStatus::approved_session
                               ? "approved for the session"
                               : std::string(to_string(approval.status));
  auto const who = by.empty() ? "" : where == "rule" ? ": " + by : " by " + by;
  return text + "was " + word + how + who + at;
}

Result<Answer> answer_from(json const& body, ApprovalRequest const& request) {
  FieldReader in(body);
  in.require("decision");
  auto const word = in.string("decision");
  Answer answer;
  answer.reason = in.string("reason");
  in.ignore("answer");
  in.ignore("answers");
  auto const decision = adapters::decision_from(word);
  if (!decision)
    in.fail("decision", "is \"" + adapters::one_line(word) + "\"; use approve, approve-session, deny, abort or answer");
  if (answer.reason.size() > 16384) in.fail("reason", "is longer than 16 KiB");
  auto const one = body.is_object() ? body.value("answer", json()) : json();
  auto const many = body.is_object() ? body.value("answers", json()) : json();
  if (decision && *decision != Decision::answer && (!one.is_null() || !many.is_null()))
    in.fail("answers", "belong to the decision \"answer\"");
  if (!one.is_null() && !many.is_null()) in.fail("answers", "and answer are two ways for one thing; give one");
  if (auto error = in.finish()) return *error;

  answer.decision = decision;
  if (request.kind == ApprovalRequest::Kind::dialog)
    return conflict("wrong_decision", "a dialog is answered on the agent's screen only: " + request.summary);
  if (std::ranges::find(request.choices, *decision) == request.choices.end()) {
    std::string choices;
    for (auto const choice : request.choices) choices += (choices.empty() ? "" : ", ") + std::string(to_string(choice));
    return conflict("wrong_decision", std::string(is_question(request) ? "a question" : "this permission request") +
                                          " does not take \"" + word + "\"; it takes: " + choices);
  }
  if (*decision != Decision::answer) return answer;

  auto const& questions = request.questions;
  json given = json::array();
  if (!one.is_null()) {
    given.push_back(one);
  } else if (many.is_object()) {
    for (auto const& [id, value] : many.items())
      if (std::ranges::find(questions, id, &Question::id) == questions.end())
        return invalid("answers", "there is no question with the id \"" + adapters::one_line(id) + "\"");
    for (auto const& question : questions) given.push_back(many.value(question.id, json()));
  } else if (many.is_array()) {
    given = many;
  } else {
    return invalid(many.is_null() ? "answer" : "answers",
                   many.is_null() ? "answer is missing" : "answers must be a list, or an object by the questions' ids");
  }
  if (given.size() != questions.size())
    return invalid("answers", "it asks " + std::to_string(questions.size()) + " questions and " +
                                  std::to_string(given.size()) + " are answered; give one answer for each, in order");
  for (std::size_t i = 0; i < questions.size(); ++i) {
    auto texts = answers_to(questions[i], given[i], one.is_null() ? "answers" : "answer");
    if (!texts) return texts.error();
    answer.answers.push_back(std::move(*texts));
  }
  return answer;
}

}  // namespace ar::daemon
