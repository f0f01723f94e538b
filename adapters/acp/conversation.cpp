#include "adapters/acp/conversation.hpp"

#include "adapters/acp/record.hpp"
#include "adapters/envelope.hpp"

#include <algorithm>
#include <utility>

namespace ar::adapters::acp {
namespace {

constexpr std::size_t kTextKept = 256U << 10;
constexpr std::size_t kEndsKept = 500, kAnswersKept = 100, kWaitingKept = 200, kAsksKept = 50;

bool loads(std::string_view method) { return method == "session/load" || method == "session/resume"; }
bool opens(std::string_view method) { return method == "session/new" || loads(method); }

/// The messages of ours that a user's words hold, each whole.
std::vector<std::string> messages_in(std::string_view text) {
  auto ids = correlation_ids_in(text);
  std::erase_if(ids, [&](auto const& id) { return text.find("[end " + id + "]") == std::string_view::npos; });
  return ids;
}

/// The words of a prompt; the first block of the first one may be ours for the model.
std::string prompt_words(json const& params) {
  auto const prompt = params.find("prompt");
  return prompt == params.end() ? std::string() : text_of(*prompt);
}

/// A body may quote another message's frame: only the outermost counts, which comes first.
std::vector<std::string> message_of(std::string const& words) {
  auto ids = messages_in(words);
  if (ids.size() > 1) ids.resize(1);
  return ids;
}

json const& params_of(json const& frame) { return object_at(frame, "params"); }

}  // namespace

void Conversation::take(std::string_view text) {
  auto const line = line_of(text);
  switch (line.direction) {
    case 's': return begin_process(line.goes_on);
    case 'e': return begin_process(false);
    case '>': return to_agent(line.frame);
    case '<': return from_agent(line.frame);
    case '!': return from_host(line.frame);
    default: return;
  }
}

/// Another process, or none: what the one before had in hand is not taken any more, unless it is replayed.
void Conversation::begin_process(bool goes_on) {
  if (goes_on) return;
  if (prompt_ && !prompt_->taken)
    for (auto& id : prompt_->correlation_ids)
      if (!taken_.contains(id)) lost_.insert(std::move(id));
  prompt_.reset();
  initialized_ = session_ = nullptr;
  session_id_.clear();
  waiting_.clear();
  answers_.clear();
  asks_.clear();
  user_text_.clear();
  instructed_ = false;
}

void Conversation::to_agent(json const& frame) {
  auto const method = text_at(frame, "method");
  auto const id = frame.find("id");
  if (method.empty()) {
    if (id != frame.end()) end_ask(request_key(*id), true);
    return;
  }
  if (id == frame.end()) return;
  auto const number = request_key(*id);
  auto const& params = params_of(frame);
  if (method == "session/prompt") {
    RunningPrompt prompt{number};
    auto const words = prompt_words(params);
    prompt.correlation_ids = message_of(words);
    for (auto const& one : prompt.correlation_ids) {
      lost_.erase(one);
      gone_.erase(one);
    }
    instructed_ = instructed_ || !prompt.correlation_ids.empty();
    prompt_ = std::move(prompt);
    return emit(TurnStarted{});
  }
  if (waiting_.size() >= kWaitingKept) waiting_.erase(waiting_.begin());
  waiting_[number] = {method, json{{"sessionId", text_at(params, "sessionId")}}};
  if (loads(method)) session_id_ = text_at(params, "sessionId");
}

void Conversation::from_agent(json const& frame) {
  auto const method = text_at(frame, "method");
  bool const asks = frame.contains("id");
  if (method.empty()) return asks ? on_answer(frame) : void();
  if (asks) return on_request(frame);
  // Of another session: one that was cleared, or a helper's.
  auto const session = text_at(params_of(frame), "sessionId");
  if (!session.empty() && !session_id_.empty() && session != session_id_) return;
  if (method == "session/update") return on_update(object_at(params_of(frame), "update"));
  if (method == "$/cancel_request")
    if (auto const id = params_of(frame).find("requestId"); id != params_of(frame).end())
      end_ask(request_key(*id), true);
}

/// It has refused a request, which the agent has not seen.
void Conversation::from_host(json const& frame) {
  if (frame.contains("id")) on_answer(frame);
}

void Conversation::on_update(json const& update) {
  auto const kind = text_at(update, "sessionUpdate");
  if (kind != "user_message_chunk") end_user_text();
  if (!prompt_) {
    // A conversation that is loaded is told from its beginning.
    if (kind == "user_message_chunk" && user_text_.size() < (4U << 20)) {
      auto const words = text_of(update.value("content", json()));
      if (words.find("[agent-runner ") != std::string::npos) end_user_text();
      user_text_ += words;
    }
  } else if (is_of_turn(kind)) {
    take_prompt();
    if (kind == "agent_message_chunk") {
      prompt_->did_nothing = false;
      prompt_->text += text_of(update.value("content", json()));
      if (prompt_->text.size() > kTextKept) prompt_->text.erase(0, prompt_->text.size() - kTextKept);
    } else if (kind == "tool_call") {
      prompt_->did_nothing = false;
      prompt_->text.clear();  // the last words are those after the last tool
    }
    if (auto event = kind.starts_with("tool_call") ? tool_event(update) : std::nullopt) emit(std::move(*event));
  }
  if (kind == "usage_update")
    if (auto use = context_use(update)) emit(std::move(*use));
  if (kind == "config_option_update" && session_.is_object())
    if (auto const options = update.find("configOptions"); options != update.end())
      session_["configOptions"] = *options;
}

void Conversation::on_request(json const& frame) {
  if (text_at(frame, "method") != "session/request_permission") return;  // the host has refused it
  if (prompt_) {
    take_prompt();
    prompt_->did_nothing = false;
  }
  if (asks_.size() >= kAsksKept) return;
  auto const number = request_key(frame["id"]);
  auto const& params = params_of(frame);
  Ask ask{text_at(params, {"toolCall", "toolCallId"}) + "/" + number, frame["id"], params};
  emit(Asked{approval_of(ask.key, params)});
  asks_[number] = std::move(ask);
}

void Conversation::on_answer(json const& frame) {
  auto const number = request_key(frame["id"]);
  bool const refused = object_at(frame, "error").value("code", json()) == json(kPromptRuns);
  if (prompt_ && prompt_->id == number && !refused) return on_prompt_answer(frame);
  if (auto const asked = waiting_.find(number); asked != waiting_.end()) {
    auto const [method, params] = std::move(asked->second);
    waiting_.erase(asked);
    auto const& result = object_at(frame, "result");
    bool const good = frame.contains("result");
    if (good && method == "initialize") initialized_ = result;
    if (good && opens(method)) {
      end_user_text();
      session_ = result;
      auto const opened = text_at(result, "sessionId");
      session_id_ = opened.empty() ? text_at(params, "sessionId") : opened;
      if (loads(method)) {
        instructed_ = true;
      } else {
        instructed_ = false;
      }
      // One that was loaded has told all that it knows: what is not there, is nowhere. (session/resume tells nothing.)
      if (method != "session/load") gone_.merge(lost_);
      lost_.clear();
    } else if (!good && loads(method)) {
      session_id_.clear();
    }
    if (auto const options = result.find("configOptions"); good && !opens(method) && options != result.end())
      if (session_.is_object()) session_["configOptions"] = *options;
  }
  if (answers_.size() >= kAnswersKept) answers_.erase(answers_.begin());
  answers_[number] = frame;
}

void Conversation::on_prompt_answer(json const& frame) {
  auto const& error = object_at(frame, "error");
  bool const is_refused = frame.contains("error") && is_not_taken(error);  // nothing of it is there
  if (!is_refused) take_prompt();
  auto end = turn_end(frame, std::move(prompt_->text));
  end.did_nothing = prompt_->did_nothing && end.outcome == TurnEnded::Outcome::failed;
  for (auto const& id : prompt_->correlation_ids) {
    if (!taken_.contains(id)) continue;
    if (ends_.insert_or_assign(id, end).second) ended_.push_back(id);
    if (ended_.size() > kEndsKept) {
      ends_.erase(ended_.front());
      ended_.pop_front();
    }
  }
  answers_[prompt_->id] = frame;
  prompt_.reset();
  if (!asks_.empty()) {
    asks_.clear();
    emit(NothingAsked{});
  }
  emit(std::move(end));
}

void Conversation::take_prompt() {
  if (std::exchange(prompt_->taken, true)) return;
  for (auto const& id : prompt_->correlation_ids) mark_taken(id);
}

void Conversation::mark_taken(std::string const& correlation_id) {
  lost_.erase(correlation_id);
  gone_.erase(correlation_id);
  if (taken_.insert(correlation_id).second) emit(Accepted{correlation_id, "api"});
}

void Conversation::end_ask(std::string const& number, bool answered) {
  auto const ask = asks_.find(number);
  if (ask == asks_.end()) return;
  auto const key = std::move(ask->second.key);
  asks_.erase(ask);
  emit(AskEnded{key, answered});
}

void Conversation::end_user_text() {
  if (user_text_.empty()) return;
  for (auto const& id : message_of(std::exchange(user_text_, {}))) mark_taken(id);
}

std::string Conversation::waits_for(std::string_view method) const {
  for (auto const& [id, asked] : waiting_)
    if (asked.first == method) return id;
  return {};
}

json Conversation::take_answer(std::string const& id) {
  auto const answer = answers_.find(id);
  if (answer == answers_.end()) return nullptr;
  auto frame = std::move(answer->second);
  answers_.erase(answer);
  return frame;
}

RecordedOutcome Conversation::outcome_of(std::string const& correlation_id) const {
  if (taken_.contains(correlation_id)) return RecordedOutcome::accepted;
  if (prompt_ && std::ranges::count(prompt_->correlation_ids, correlation_id) > 0) return RecordedOutcome::pending;
  if (gone_.contains(correlation_id)) return RecordedOutcome::blind;
  return lost_.contains(correlation_id) ? RecordedOutcome::pending : RecordedOutcome::absent;
}

std::optional<TurnEnded> Conversation::end_of(std::vector<std::string> const& correlation_ids) const {
  for (auto id = correlation_ids.rbegin(); id != correlation_ids.rend(); ++id)
    if (auto const end = ends_.find(*id); end != ends_.end()) return end->second;
  return std::nullopt;
}

bool Conversation::can_load() const {
  return initialized_.is_object() && truth_at(object_at(initialized_, "agentCapabilities"), "loadSession");
}

std::optional<Conversation> read_conversation(std::filesystem::path const& file) {
  Conversation conversation;
  auto const take = [&](std::string_view line) { conversation.take(line); };
  if (!read_record(file, take)) return std::nullopt;
  return conversation;
}

}  // namespace ar::adapters::acp
