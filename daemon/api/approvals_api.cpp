#include "daemon/api/approvals_api.hpp"

#include "daemon/agent/approval_subject.hpp"

#include <algorithm>

namespace ar::daemon {
namespace {

json shown(RuleVerdict const& verdict) {
  json parts = json::array();
  for (auto const& part : verdict.parts) {
    json row = {{"text", part.text}, {"rule", part.rule.empty() ? json(nullptr) : json(part.rule)}};
    if (!part.why.empty()) row["why"] = part.why;
    parts.push_back(std::move(row));
  }
  return {{"decision", to_string(verdict.decision)},
          {"rules", verdict.rules},
          {"why", verdict.why},
          {"parts", std::move(parts)}};
}

}  // namespace

awaitable<Result<json>> ApprovalsApi::approvals(Page page) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  if (page.agent && !supervisor_.find(*page.agent)) co_return supervisor_.get(*page.agent).error();
  if (page.root && !supervisor_.find(*page.root)) co_return supervisor_.get(*page.root).error();
  Approvals::Filter filter{std::move(page.status), {}, page.cursor, page.limit};
  if (page.agent) filter.agents = {*page.agent};
  if (page.root) {
    filter.agents = lineage_.descendants(*page.root);
    filter.agents->push_back(*page.root);
  }
  co_return co_await approvals_.list(std::move(filter));
}

awaitable<Result<json>> ApprovalsApi::approval(std::int64_t id) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  co_return co_await approvals_.show(id);
}

awaitable<Result<json>> ApprovalsApi::decide(std::int64_t id, json decision, std::string where) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  Decider decider{std::move(where), kOperator};
  json always;
  if (auto const it = decision.find("always"); it != decision.end()) {
    always = std::move(*it);
    decision.erase(it);
  }
  if (always.is_null()) co_return co_await approvals_.decide(id, std::move(decision), std::move(decider));
  if (decision.value("decision", "") != "approve")
    co_return invalid("always", "always belongs to the decision approve");
  // What cannot be a rule is told before anything is decided.
  auto rule = co_await rule_of(id, std::move(always));
  if (!rule) co_return rule.error();
  auto decided = co_await approvals_.decide(id, std::move(decision), std::move(decider));
  if (!decided && decided.error().code == "already_decided") {
    // Approved alone, or by a daemon that was killed before it could add the rule: this is what is missing.
    auto const known = co_await approvals_.stored(id);
    if (known && known->status == ApprovalStatus::approved && !rules_.has_rule_of(id))
      decided = co_await approvals_.show(id);
  }
  if (!decided) co_return decided.error();
  auto added = co_await rules_.add(std::move(*rule));
  if (!added) {
    auto error = added.error();
    error.message = "approval " + std::to_string(id) + " was approved, but there is no rule: " + error.message;
    co_return error;
  }
  (*decided)["rule"] = std::move(*added);
  co_return decided;
}

/// `always`: {for?, tag?, until?}.
awaitable<Result<ApprovalRule>> ApprovalsApi::rule_of(std::int64_t id, json always) {
  auto const approval = co_await approvals_.stored(id);
  if (!approval) co_return approval.error();
  auto const agent = supervisor_.get(approval->agent);
  if (!agent) co_return agent.error();
  auto const& request = approval->request;
  if (request.kind != adapters::ApprovalRequest::Kind::permission)
    co_return conflict("cannot_be_a_rule",
                       "only a permission can be given by a rule; answer this with agent-runner answer");
  auto const asker = asker_of((*agent)->spec());
  auto rule = rule_for(subject_of(request, asker.cwd));
  if (!rule) co_return rule.error();
  rule->approval = id;
  if (auto const until = text_at(always, "until"); !until.empty()) {
    rule->until = from_iso8601(until);
    if (!rule->until || rule->is_over(wall_now()))
      co_return invalid("always.until", "must be a time to come, like 2026-01-31T12:00:00.000Z");
  }
  auto const whom = text_at(always, "for"), tag = text_at(always, "tag");
  if (!tag.empty() && whom != "tag") co_return invalid("always.tag", "belongs to for: tag");
  if (whom == "tag") {
    rule->tag = tag.empty() && asker.tags.size() == 1 ? asker.tags.front() : tag;
    if (std::ranges::find(asker.tags, rule->tag) == asker.tags.end())
      co_return invalid("always.tag", tag.empty() ? "agent " + asker.agent + " has " +
                                                        std::to_string(asker.tags.size()) + " tags; say which"
                                                  : "agent " + asker.agent + " has no such tag");
  } else if (whom != "all") {
    rule->agent = asker.agent;
  }
  co_return rule;
}

awaitable<Result<json>> ApprovalsApi::approval_rules() {
  if (auto open = access_.check_open(); !open) co_return open.error();
  co_return ok(rules_.all());
}

awaitable<Result<json>> ApprovalsApi::add_approval_rule(json rule) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto read = read_approval_rule(rule);
  if (!read) co_return read.error();
  if (read->is_over(wall_now())) co_return invalid("until", "until is over already");
  // It goes with its agent: one that is spawned later, perhaps by an agent, must not find it.
  if (!read->agent.empty() && !supervisor_.find(read->agent)) co_return supervisor_.get(read->agent).error();
  co_return co_await rules_.add(std::move(*read));
}

awaitable<Result<json>> ApprovalsApi::remove_approval_rule(std::string id) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto const removed = co_await rules_.remove(id);
  if (!removed) co_return removed.error();
  co_return ok({{"deleted", id}});
}

awaitable<Result<json>> ApprovalsApi::test_approval_rules(json request) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto const agent = supervisor_.get(text_at(request, "agent"));
  if (!agent) co_return agent.error();
  adapters::ApprovalRequest asked;
  asked.tool = text_at(request, "tool");
  asked.cwd = text_at(request, "cwd");
  asked.input = adapters::bounded(object_at(request, "input"));
  auto const asker = asker_of((*agent)->spec());
  co_return ok(shown(rules_.verdict(asker, subject_of(asked, asker.cwd))));
}

}  // namespace ar::daemon
