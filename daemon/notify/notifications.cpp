#include "daemon/notify/notifications.hpp"

#include "base/time_zone/time_zone.hpp"
#include "daemon/outbox/outbox.hpp"
#include "daemon/store/tables/fact_table.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr auto kTogether = 10s;
constexpr auto kGivenUpAfter = 24h;
constexpr auto kLookAgain = 5s;     ///< where the journal cannot be read or written
constexpr auto kClockCheck = 1min;  ///< the system's clock may be set: quiet hours end by it
constexpr std::size_t kMostWaiting = 100;
constexpr int kPage = 500;
constexpr std::int64_t kKeepCursorEvery = 1000;

std::string fact_of(std::string const& rule) { return FactTable::kNotified + rule; }

bool is_same(NotifyRule const& a, NotifyRule const& b) {
  return to_json(a) == to_json(b) && a.url == b.url && a.command == b.command && a.topic == b.topic;
}

}  // namespace

Notifications::Notifications(Executor executor, Journal& journal, EventLog& events, NoticeSender& sender,
                             TagsOf tags_of, Random random)
    : journal_(journal),
      events_(events),
      sender_(sender),
      tags_of_(std::move(tags_of)),
      random_(random ? std::move(random) : real_random()),
      tasks_(executor, "notifications") {}

void Notifications::start(std::vector<NotifyRule> rules, TaskGroup::OnDeath on_death) {
  on_death_ = std::move(on_death);
  set(std::move(rules));
}

awaitable<void> Notifications::stop() { co_await tasks_.stop(); }

void Notifications::set(std::vector<NotifyRule> rules) {
  std::vector<LanePtr> lanes;
  for (auto& rule : rules) {
    auto const same = std::ranges::find_if(lanes_, [&](LanePtr const& lane) { return is_same(lane->rule, rule); });
    lanes.push_back(same == lanes_.end() ? begin(std::move(rule)) : *same);
  }
  for (auto const& lane : lanes_) lane->over = std::ranges::find(lanes, lane) == lanes.end();
  lanes_ = std::move(lanes);
}

Notifications::LanePtr Notifications::begin(NotifyRule rule) {
  auto lane = std::make_shared<Lane>();
  lane->quiet = read_quiet_hours(rule.quiet);
  lane->rule = std::move(rule);
  tasks_.spawn_vital("notify " + lane->rule.name, run(lane), on_death_);
  return lane;
}

awaitable<void> Notifications::run(LanePtr lane) {
  while (!lane->over && !co_await find_cursor(*lane))
    if (!co_await sleep_for(kLookAgain)) co_return;
  while (!lane->over) {
    bool const at_end = co_await look(*lane);
    auto const when = due(*lane);
    if (when && *when <= Clock::now())
      co_await tell(*lane);
    else if (at_end)
      (void)co_await events_.wait("", lane->seen, when.value_or(Clock::time_point::max()));
  }
}

/// Of a rule that is new: the log's end.
awaitable<bool> Notifications::find_cursor(Lane& lane) {
  auto query = [name = fact_of(lane.rule.name)](Database& db) -> Result<std::string> {
    return FactTable(db).get(name);
  };
  auto const stored = co_await journal_.read(std::move(query));
  if (!stored) co_return false;
  char* end = nullptr;
  auto const number = std::strtoll(stored->c_str(), &end, 10);
  bool const good = !stored->empty() && *end == '\0' && number >= 0 && number <= events_.last();
  lane.cursor = lane.seen = good ? number : events_.last();
  if (!good) advance(lane);
  co_return true;
}

/// Takes up what has happened since; false: there is more.
awaitable<bool> Notifications::look(Lane& lane) {
  auto const page = co_await events_.page("", lane.seen, kPage);
  if (!page) {
    (void)co_await sleep_for(kLookAgain);
    co_return true;
  }
  for (auto const& event : *page) {
    lane.seen = event.number;
    auto const whole = parse_object(event.json_text);
    if (!whole) continue;
    if (auto const over = approval_over(*whole); !over.empty())
      std::erase_if(lane.waiting, [&](auto const& one) { return one.approval == over; });
    auto told = notification_of(*whole);
    if (!told || !wants(lane, *told)) continue;
    if (lane.waiting.size() < kMostWaiting)
      lane.waiting.push_back(std::move(*told));
    else
      ++lane.more;
  }
  if (lane.waiting.empty() && lane.seen - lane.cursor >= kKeepCursorEvery) advance(lane);
  co_return std::cmp_less(page->size(), kPage);
}

bool Notifications::wants(Lane const& lane, Notification const& told) const {
  auto const& rule = lane.rule;
  if (!rule.tells(told.kind)) return false;
  if (!rule.agent.empty()) return told.agent == rule.agent;
  if (rule.tag.empty()) return true;
  auto const tags = told.agent.empty() ? std::vector<std::string>() : tags_of_(told.agent);
  return std::ranges::find(tags, rule.tag) != tags.end();
}

std::optional<Clock::time_point> Notifications::due(Lane const& lane) const {
  if (lane.waiting.empty()) return std::nullopt;
  auto const now = wall_now();
  // As far as it is still to come: the system's clock may have been set back.
  auto wait = std::clamp<Clock::duration>(lane.waiting.front().at + kTogether - now, 0s, kTogether);
  if (lane.failures > 0) wait = std::max<Clock::duration>(wait, lane.retry_at - Clock::now());
  bool const urgent = std::ranges::any_of(lane.waiting, [&](auto const& one) { return lane.rule.is_urgent(one.kind); });
  if (lane.quiet && !urgent) {
    auto const zone = find_zone(lane.rule.time_zone).value_or(zone_of_program({}));
    auto const shown = shown_at(now, zone);
    if (lane.quiet->holds(shown.hour() * 60 + shown.minute())) {
      auto const until = cctz::civil_minute(cctz::civil_day(shown)) + lane.quiet->until;
      auto end = instant_of(cctz::civil_second(until), zone);
      if (end <= now)
        end = instant_of(cctz::civil_second(cctz::civil_minute(cctz::civil_day(shown) + 1) + lane.quiet->until), zone);
      wait = std::clamp<Clock::duration>(end - now, 1s, kClockCheck);
    }
  }
  return Clock::now() + wait;
}

awaitable<void> Notifications::tell(Lane& lane) {
  auto const upto = lane.seen;
  auto notice = notice_of(lane.waiting, lane.more);
  notice.urgent = std::ranges::any_of(lane.waiting, [&](auto const& one) { return lane.rule.is_urgent(one.kind); });
  auto const problem = co_await sender_.send(lane.rule, std::move(notice));
  auto const now = wall_now();
  if (problem.empty()) {
    lane.sent_at = now;
    lane.failures = 0;
    lane.failing_since.reset();
    lane.error.clear();
  } else {
    if (lane.failures++ == 0) {
      lane.failing_since = now;
      spdlog::warn("notify {}: {}; it is tried again", lane.rule.name, problem);
    }
    lane.error = problem;
    lane.retry_at = Clock::now() + retry_wait(lane.failures, random_());
    if (now - lane.waiting.front().at < kGivenUpAfter) co_return;
    spdlog::error("notify {}: {} given up: {}", lane.rule.name, lane.waiting.size(), problem);
    events_.append("", "notify.gave_up",
                   {{"rule", lane.rule.name},
                    {"count", static_cast<std::int64_t>(lane.waiting.size()) + lane.more},
                    {"reason", problem}});
  }
  lane.waiting.clear();
  lane.more = 0;
  lane.seen = upto;
  advance(lane);
  (void)co_await journal_.committed();
}

void Notifications::advance(Lane& lane) {
  lane.cursor = lane.seen;
  journal_.write([name = fact_of(lane.rule.name), upto = std::to_string(lane.cursor)](Database& db) {
    FactTable(db).put(name, upto);
  });
}

json Notifications::list() const {
  json rules = json::array();
  auto const time = [](std::optional<WallTime> const& at) { return at ? json(to_iso8601(*at)) : json(nullptr); };
  for (auto const& lane : lanes_) {
    auto shown = ar::to_json(lane->rule);
    shown["waiting"] = static_cast<std::int64_t>(lane->waiting.size()) + lane->more;
    shown["sentAt"] = time(lane->sent_at);
    shown["failingSince"] = time(lane->failing_since);
    shown["error"] = lane->error.empty() ? json(nullptr) : json(lane->error);
    rules.push_back(std::move(shown));
  }
  return {{"notify", std::move(rules)}};
}

awaitable<Result<json>> Notifications::test(std::string name) {
  auto const found = std::ranges::find_if(lanes_, [&](LanePtr const& lane) { return lane->rule.name == name; });
  if (found == lanes_.end())
    co_return not_found("no_such_notify_rule", "there is no [[notify]] named \"" + name.substr(0, 80) +
                                                   "\" in the configuration; `agent-runner notify list` shows them");
  auto const rule = (*found)->rule;
  Notification one{
      .kind = "test", .at = wall_now(), .title = "agent-runner can reach you", .text = "a test of " + rule.name};
  std::vector<Notification> parts{std::move(one)};
  auto const problem = co_await sender_.send(rule, notice_of(std::move(parts), 0));
  co_return ok(
      {{"name", rule.name}, {"sent", problem.empty()}, {"error", problem.empty() ? json(nullptr) : json(problem)}});
}

}  // namespace ar::daemon
