#include "daemon/agent/approvals.hpp"

#include "daemon/agent/approval_subject.hpp"
#include "daemon/store/journal_row.hpp"
#include "daemon/store/tables/approval_table.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;
using adapters::Answer;
using adapters::Decision;
namespace {

/// A decided one is asked again only within moments: after a lost connection, or a death of the daemon.
constexpr std::size_t kDecidedKept = ApprovalTable::kNewest;
/// How long a decision waits for a provider to ask again after a start of the daemon.
constexpr auto kAskedAgain = 5s;
constexpr milliseconds kLongestSleep = 1h;  // a longer one would not notice that the clock was set

constexpr char const* kNobodyToAsk =
    "Nobody is there to ask: this agent was started without a person to answer permission requests or questions. "
    "Go on without it, or say what you would need.";

constexpr char const* kDeniedByRule =
    "A rule of the people who run this agent denies this. Do not try to do the same in another way.";

json event_data(Approval const& approval) {
  json data = {{"id", approval.id}, {"status", to_string(approval.status)}, {"where", approval.decider.where}};
  if (!approval.decider.by.empty()) data["by"] = approval.decider.by;
  if (approval.answer.decision) data["decision"] = to_string(*approval.answer.decision);
  if (!approval.answer.reason.empty()) data["reason"] = approval.answer.reason;
  return data;
}

Error no_such_approval(std::int64_t id) {
  return not_found("no_such_approval",
                   "there is no approval " + std::to_string(id) + "; `agent-runner approvals` lists the pending ones");
}

std::optional<Approval> read_approval(std::int64_t id, std::string const& record) {
  auto approval = read_row(record, "approval " + std::to_string(id), approval_from_journal);
  if (approval) approval->id = id;
  return approval;
}

bool is_dialog(Approval const& approval) { return approval.request.kind == adapters::ApprovalRequest::Kind::dialog; }

bool is_budget(Approval const& approval) { return approval.request.kind == adapters::ApprovalRequest::Kind::budget; }

/// Asked by us: no provider has to ask it again, and no terminal can answer it.
bool is_continuation(Approval const& approval) {
  return approval.request.kind == adapters::ApprovalRequest::Kind::continuation;
}

Error already_decided(Approval const& approval) { return conflict("already_decided", outcome_text(approval)); }

}  // namespace

Approvals::Approvals(Executor executor, Journal& journal, EventLog& events, Lineage const& lineage,
                     ApprovalPolicy policy)
    : journal_(journal),
      events_(events),
      lineage_(lineage),
      policy_(policy),
      changed_(executor),
      tasks_(executor, "approvals") {}

awaitable<Result<void>> Approvals::load() {
  struct Found {
    std::int64_t last = 0;
    std::vector<Record> records;
  };
  auto query = [](Database& db) -> Result<Found> {
    ApprovalTable const table(db);
    return Found{table.last(), table.pending_and_newest()};
  };
  auto found = co_await journal_.read(std::move(query));
  if (!found) co_return found.error();
  last_id_ = found->last;
  for (auto const& [id, record] : found->records)
    if (auto approval = read_approval(id, record)) {
      bool const asked = is_continuation(*approval) || is_budget(*approval);
      entries_.emplace(id, Entry{std::move(*approval), asked});
    }
  co_return Result<void>();
}

void Approvals::start(std::function<void(Approval const&)> tell, TaskGroup::OnDeath on_death) {
  tell_ = std::move(tell);
  tasks_.spawn_vital("deadlines", watch_deadlines(), std::move(on_death));
}

awaitable<void> Approvals::stop() {
  tell_ = nullptr;
  family_changed_ = nullptr;
  co_await tasks_.stop();
}

// ---- an agent's provider ----

Approvals::Entry* Approvals::find(std::string const& agent, std::string const& key,
                                  std::string const* provider_session) {
  for (auto it = entries_.rbegin(); it != entries_.rend(); ++it) {
    auto const& approval = it->second.approval;
    if (approval.agent == agent && approval.request.key == key &&
        (!provider_session || approval.provider_session == *provider_session))
      return &it->second;
  }
  return nullptr;
}

/// A screen shows one dialog: the one that it showed before is this one, told of by another daemon, or it is over.
Approvals::Entry* Approvals::same_dialog(std::string const& agent, std::string const& provider_session,
                                         adapters::ApprovalRequest const& request) {
  Entry* same = nullptr;
  for (auto& [id, entry] : entries_) {
    auto const& known = entry.approval;
    if (known.agent != agent || known.status != ApprovalStatus::pending || !is_dialog(known)) continue;
    if (known.provider_session == provider_session && known.request.summary == request.summary)
      same = &entry;
    else
      end(entry, ApprovalStatus::answered, {"terminal", ""}, {}, false);
  }
  return same;
}

void Approvals::asked(Asker const& asker, std::string const& provider_session, adapters::ApprovalRequest request,
                      bool may_ask) {
  auto const& agent = asker.agent;
  if (request.kind == adapters::ApprovalRequest::Kind::dialog) {
    if (auto* const entry = same_dialog(agent, provider_session, request)) {
      entry->approval.request = std::move(request);
      entry->asked = true;
      return save(entry->approval, false);
    }
  }
  auto* const entry = find(agent, request.key, &provider_session);
  // What was withdrawn has no answer, and was given up: this is another request, of a provider that counts anew.
  if (entry && entry->approval.status != ApprovalStatus::withdrawn) {
    entry->asked = true;
    changed_.notify_all();
    if (entry->approval.status != ApprovalStatus::pending && tell_) tell_(entry->approval);
    return;
  }
  std::erase_if(entries_, [this](auto const& known) {
    return known.second.approval.status != ApprovalStatus::pending &&
           known.first + static_cast<std::int64_t>(kDecidedKept) <= last_id_;
  });
  Approval approval;
  approval.id = ++last_id_;
  approval.agent = agent;
  approval.provider_session = provider_session;
  approval.request = std::move(request);
  if (auto& input = approval.request.input; deeper_than(input, kMostInside)) input = {{"cut", to_text(input)}};
  approval.created_at = wall_now();
  // A dialog stands on its screen whoever may be asked, and for how long; nobody decides about money by being late.
  bool const stands = is_dialog(approval) || is_budget(approval);
  if (may_ask && !stands && policy_.deadline.count() > 0) approval.deadline = approval.created_at + policy_.deadline;
  json data = {{"id", approval.id},
               {"kind", to_string(approval.request.kind)},
               {"tool", approval.request.tool},
               {"summary", approval.request.summary}};
  if (approval.deadline) data["deadline"] = to_iso8601(*approval.deadline);
  if (auto const* const member = lineage_.find(agent)) {
    data["name"] = member->name;
    data["rootSessionId"] = member->root;
  }
  events_.append(agent, "approval.created", data);
  auto& added = entries_[last_id_] = {std::move(approval), true};
  tell_family(added.approval, "child.asked", std::move(data));
  bool const decided = decide_by_rule(added, asker);
  if (!decided && (may_ask || stands)) save(added.approval, false);
  if (!decided && !may_ask && !stands)
    end(added, ApprovalStatus::denied, {"policy", ""}, {Decision::deny, kNobodyToAsk, {}}, true);
  changed_.notify_all();
}

/// Rules decide about permissions only: what a question is answered, and a dialog, is for a person.
bool Approvals::decide_by_rule(Entry& entry, Asker const& asker) {
  auto const& request = entry.approval.request;
  if (!rules_ || request.kind != adapters::ApprovalRequest::Kind::permission) return false;
  auto const verdict = rules_->decide(asker, subject_of(request, asker.cwd));
  if (verdict.decision == RuleVerdict::Decision::ask) return false;
  bool const allowed = verdict.decision == RuleVerdict::Decision::allow;
  std::string by;
  for (auto const& id : verdict.rules) by += (by.empty() ? "" : ", ") + id;
  Answer answer{allowed ? Decision::approve : Decision::deny, allowed ? "" : std::string(kDeniedByRule), {}};
  end(entry, allowed ? ApprovalStatus::approved : ApprovalStatus::denied, {"rule", std::move(by)}, std::move(answer),
      true);
  return true;
}

void Approvals::ended(std::string const& agent, std::string const& key, bool answered) {
  auto* const entry = find(agent, key);
  if (!entry || entry->approval.status != ApprovalStatus::pending) return;
  end(*entry, answered ? ApprovalStatus::answered : ApprovalStatus::expired, {answered ? "terminal" : "provider", ""},
      {}, false);
}

void Approvals::nothing_asked(std::string const& agent) {
  for (auto& [id, entry] : entries_) {
    auto const& known = entry.approval;
    bool const stays = is_continuation(known) || (is_dialog(known) && entry.asked);
    if (known.agent == agent && known.status == ApprovalStatus::pending && !stays)
      end(entry, ApprovalStatus::answered, {"terminal", ""}, {}, false);
  }
}

void Approvals::withdraw(std::string const& agent) {
  // The next process may give its requests the same keys: no decision of before is about them.
  std::erase_if(entries_, [&](auto const& known) {
    auto const& approval = known.second.approval;
    return approval.agent == agent && approval.status != ApprovalStatus::pending;
  });
  for (auto& [id, entry] : entries_)
    if (entry.approval.agent == agent && entry.approval.status == ApprovalStatus::pending &&
        !is_continuation(entry.approval))
      end(entry, ApprovalStatus::withdrawn, {"provider", ""}, {}, false);
}

void Approvals::withdraw(std::string const& agent, std::string const& key) {
  auto* const entry = find(agent, key);
  if (entry && entry->approval.status == ApprovalStatus::pending)
    end(*entry, ApprovalStatus::withdrawn, {"provider", ""}, {}, false);
}

void Approvals::forget(std::string const& agent) {
  std::erase_if(entries_, [&](auto const& entry) { return entry.second.approval.agent == agent; });
  if (rules_) rules_->forget(agent);
}

/// State, journal, announcement; then, when it is on the disk, the provider.
void Approvals::end(Entry& entry, ApprovalStatus status, Decider decider, Answer answer, bool tell) {
  auto& approval = entry.approval;
  approval.status = status;
  approval.decider = std::move(decider);
  approval.answer = std::move(answer);
  approval.ended_at = wall_now();
  save(approval, tell);
  auto const at_deadline = approval.decider.where == "deadline";
  events_.append(approval.agent,
                 status == ApprovalStatus::withdrawn                ? "approval.withdrawn"
                 : at_deadline || status == ApprovalStatus::expired ? "approval.expired"
                                                                    : "approval.answered",
                 event_data(approval));
  tell_family(approval, "child.answered", event_data(approval));
  spdlog::info("{}", outcome_text(approval));
  changed_.notify_all();
}

/// Each ancestor, whose log tells of it under the child's name.
void Approvals::tell_family(Approval const& approval, std::string const& type, json data) {
  auto const* const member = lineage_.find(approval.agent);
  if (!member) return;
  data["child"] = approval.agent;
  data["name"] = member->name;
  data["rootSessionId"] = member->root;
  for (auto const& ancestor : lineage_.ancestors(approval.agent)) {
    events_.append(ancestor, type, data);
    if (family_changed_) family_changed_(ancestor);
  }
}

/// With whose child asks.
json Approvals::shown(Approval const& approval) const {
  auto shown = to_json(approval);
  auto const* const member = lineage_.find(approval.agent);
  shown["name"] = member ? member->name : approval.agent;
  shown["rootSessionId"] = member ? member->root : approval.agent;
  if (member && !member->parent.empty()) shown["parent"] = member->parent;
  return shown;
}

void Approvals::save(Approval const& approval, bool tell) {
  ApprovalTable::Row row{approval.id, approval.agent, std::string(to_string(approval.status)), approval.created_at,
                         to_text(to_journal(approval))};
  auto change = [row = std::move(row)](Database& db) { ApprovalTable(db).put(row); };
  std::function<void()> after;
  if (tell)
    after = [this, approval] {
      if (tell_) tell_(approval);
    };
  journal_.write(std::move(change), std::move(after));
}

awaitable<void> Approvals::watch_deadlines() {
  for (;;) {
    std::optional<WallTime> next;
    for (auto& [id, entry] : entries_) {
      auto const& approval = entry.approval;
      if (approval.status != ApprovalStatus::pending || !approval.deadline) continue;
      // One that has not been asked again yet could not be told.
      if (*approval.deadline <= wall_now() && entry.asked) {
        Decider const decider{"deadline", ""};
        if (policy_.deny_at_deadline || is_continuation(approval))
          end(entry, ApprovalStatus::denied, decider,
              {Decision::deny, "Nobody answered this request in time, so it was denied.", {}}, true);
        else
          end(entry, ApprovalStatus::expired, decider, {}, true);
        next = wall_now();  // the list has changed: look at it anew
        break;
      }
      if (entry.asked && (!next || *approval.deadline < *next)) next = approval.deadline;
    }
    if (next && *next <= wall_now()) continue;
    auto const sleep = next ? std::min<milliseconds>(*next - wall_now(), kLongestSleep) : kLongestSleep;
    co_await changed_.wait(Clock::now() + sleep);
  }
}

// ---- people ----

awaitable<Result<Approval>> Approvals::stored(std::int64_t id) {
  if (auto const it = entries_.find(id); it != entries_.end()) co_return it->second.approval;
  auto query = [id](Database& db) -> Result<std::string> {
    auto record = ApprovalTable(db).record_of(id);
    if (!record) return no_such_approval(id);
    return std::move(*record);
  };
  auto record = co_await journal_.read(std::move(query));
  if (!record) co_return record.error();
  auto approval = read_approval(id, *record);
  if (!approval) co_return internal("approval_damaged", "the record of approval " + std::to_string(id) + " is damaged");
  co_return std::move(*approval);
}

awaitable<Result<json>> Approvals::show(std::int64_t id) {
  auto const approval = co_await stored(id);
  if (!approval) co_return approval.error();
  co_return ok(shown(*approval));
}

awaitable<Result<json>> Approvals::list(Filter filter) {
  if (filter.status && !approval_status_from(*filter.status))
    co_return invalid("status", "there is no status \"" + adapters::one_line(*filter.status) +
                                    "\"; use pending, approved, approved-session, denied, aborted, answered, expired "
                                    "or withdrawn");
  auto query = [filter](Database& db) -> Result<std::vector<Record>> {
    return ApprovalTable(db).page(filter.before, filter.status.value_or(""), filter.agents, filter.limit + 1);
  };
  auto records = co_await journal_.read(std::move(query));
  if (!records) co_return records.error();
  json answer = {{"approvals", json::array()}};
  if (auto const next = cut_to_page(*records, filter.limit)) answer["nextCursor"] = *next;
  for (auto const& [id, record] : *records)
    if (auto const approval = read_approval(id, record)) answer["approvals"].push_back(shown(*approval));
  co_return ok(std::move(answer));
}

awaitable<Result<json>> Approvals::decide(std::int64_t id, json body, Decider decider, std::string of_agent) {
  auto const known = co_await stored(id);
  if (!known) co_return known.error();
  if (!of_agent.empty() && known->agent != of_agent && !lineage_.is_descendant(known->agent, of_agent))
    co_return Error{ErrorKind::forbidden, "not_its_approval",
                    "approval " + std::to_string(id) + " is not one of agent " + of_agent};
  auto answer = answer_from(body, known->request);
  // Who comes late is told so, whatever they wanted to say.
  if (known->status != ApprovalStatus::pending) co_return already_decided(*known);
  if (!answer) co_return answer.error();
  auto const patience = Clock::now() + kAskedAgain;
  for (;;) {
    auto const it = entries_.find(id);
    if (it == entries_.end()) co_return no_such_approval(id);
    auto& entry = it->second;
    if (entry.approval.status != ApprovalStatus::pending) co_return already_decided(entry.approval);
    if (entry.asked) {
      end(entry, status_after(*answer->decision), decider, *answer, true);
      break;
    }
    if (Clock::now() >= patience)
      co_return unavailable("not_asked_again",
                            "the provider has not asked for approval " + std::to_string(id) +
                                " again since the daemon started; answer it at the terminal (agent-runner attach " +
                                known->agent + "), or try again");
    co_await changed_.wait(patience);
  }
  auto const decided = entries_.at(id).approval;
  auto safe = co_await journal_.committed();
  if (!safe) co_return safe.error();
  co_return ok(shown(decided));
}

std::size_t Approvals::pending() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      entries_, [](auto const& known) { return known.second.approval.status == ApprovalStatus::pending; }));
}

bool Approvals::turn_waits(std::string const& agent) const {
  return std::ranges::any_of(entries_, [&](auto const& known) {
    auto const& approval = known.second.approval;
    return approval.agent == agent && approval.status == ApprovalStatus::pending &&
           approval.request.kind != adapters::ApprovalRequest::Kind::continuation;
  });
}

json Approvals::pending_of(std::string const& agent) const {
  json list = json::array();
  for (auto const& [id, entry] : entries_) {
    auto const& approval = entry.approval;
    if (approval.status != ApprovalStatus::pending) continue;
    bool const own = approval.agent == agent;
    if (!own && !lineage_.is_descendant(approval.agent, agent)) continue;
    json short_form = shown(approval);
    for (auto const* name :
         {"input", "cwd", "choices", "questions", "sessionGrant", "status", "rootSessionId", "parent"})
      short_form.erase(name);
    if (own) short_form.erase("agent"), short_form.erase("name");
    list.push_back(std::move(short_form));
  }
  return list;
}

}  // namespace ar::daemon
