#include "daemon/limits/provider_hold.hpp"

#include "base/read_json.hpp"

#include <algorithm>
#include <array>

namespace ar::daemon {
namespace {
using namespace std::chrono_literals;

constexpr std::array<std::string_view, 4> kNames{"limit", "login", "away", "fails"};
constexpr std::array<std::string_view, 4> kWords{"its usage limit is reached", "it is not logged in",
                                                 "its model's service is overloaded or fails",
                                                 "its last turns failed before they did anything"};
constexpr int kFailures = 3;  ///< in a row: more than a message or two that cannot be worked on

/// The first wait without a known end, and the longest; each is twice the one before.
struct Waits {
  milliseconds first, longest;
};
constexpr std::array<Waits, 4> kWaits{{{15min, 2h}, {5min, 30min}, {ProviderHold::kBackoff, 15min}, {30s, 15min}}};
/// A rate limit that names no end is one of requests or tokens per minute.
constexpr Waits kRateLimit{1min, 30min};

/// Providers name the minute in which a limit ends, which may have begun.
constexpr milliseconds kMinute = 60s;
constexpr milliseconds kFarthest = 24h * 32;  ///< no plan has a longer window; what says so was misread
constexpr milliseconds kLoginPause = 30s;
constexpr auto kClockCheck = 10min;  ///< a machine that slept, or whose clock was set, notices within this
constexpr std::size_t kErrorShown = 300;

}  // namespace

std::string_view to_string(Refusal refusal) { return kNames.at(static_cast<std::size_t>(refusal)); }

bool is_of_account(Refusal refusal) { return refusal == Refusal::limit || refusal == Refusal::login; }

std::optional<Refusal> refusal_in(adapters::TurnEnded const& end) {
  if (end.outcome != adapters::TurnEnded::Outcome::failed) return std::nullopt;
  auto const is = [&](std::initializer_list<std::string_view> kinds) {
    return std::ranges::find(kinds, end.error_kind) != kinds.end();
  };
  if (is({"usage_limit", "rate_limit", "billing_error"})) return Refusal::limit;
  if (is({"authentication_failed", "oauth_org_not_allowed"})) return Refusal::login;
  if (is({"overloaded", "server_error", "connection_failed", "http_error", "model_not_found"})) return Refusal::away;
  return std::nullopt;
}

void ProviderHold::refuse(Refusal refusal, adapters::TurnEnded const& end, double jitter, milliseconds margin,
                          milliseconds backoff) {
  if (refusal_ != refusal) times_ = 0;
  if (!refusal_) since_ = wall_now();
  refusal_ = refusal;
  error_ = end.error.substr(0, kErrorShown);
  refused_at_ = wall_now();
  auto const left = end.resets_at ? *end.resets_at - refused_at_ : milliseconds(0);
  bool const known = end.resets_at && refusal == Refusal::limit && left > -kMinute && left < kFarthest;
  resets_at_ = known ? end.resets_at : std::nullopt;
  auto const by = [jitter](milliseconds most) {
    return milliseconds(static_cast<std::int64_t>(static_cast<double>(most.count()) * jitter));
  };
  milliseconds wait;
  if (known) {
    wait = std::max(left, milliseconds(0)) + margin / 2 + by(margin);
  } else {
    auto waits = end.error_kind == "rate_limit" ? kRateLimit : kWaits.at(static_cast<std::size_t>(refusal));
    if (refusal == Refusal::away) waits.first = backoff;
    wait = std::min(waits.longest, waits.first * (1 << std::min(times_, 16)));
    wait += by(wait / 4);
  }
  ++times_;
  probe_at_ = Clock::now() + wait;
  until_ = refused_at_ + wait;
}

bool ProviderHold::failed(adapters::TurnEnded const& end, double jitter) {
  if (!end.did_nothing || ++failures_ < kFailures) return false;
  refuse(Refusal::fails, end, jitter);
  return true;
}

bool ProviderHold::lift() {
  bool const was_on = is_on();
  *this = {};
  return was_on;
}

void ProviderHold::probe_now() {
  if (!refusal_) return;
  auto const pause = *refusal_ == Refusal::login ? kLoginPause : milliseconds(0);
  auto const wait = std::clamp<milliseconds>(refused_at_ + pause - wall_now(), 0ms, pause);
  resets_at_.reset();
  probe_at_ = std::min(probe_at_, Clock::now() + wait);
  until_ = std::min(until_, wall_now() + wait);
}

void ProviderHold::process_started() {
  if (refusal_ != Refusal::limit) probe_now();
}

bool ProviderHold::may_probe() const {
  return refusal_ && (Clock::now() >= probe_at_ || (resets_at_ && wall_now() >= until_));
}

Clock::time_point ProviderHold::next_look() const {
  if (!refusal_ || may_probe()) return Clock::time_point::max();
  return resets_at_ ? std::min(probe_at_, Clock::now() + kClockCheck) : probe_at_;
}

std::string ProviderHold::reason(std::string const& remedy) const {
  if (!refusal_) return {};
  return "the provider refuses work: " + std::string(kWords.at(static_cast<std::size_t>(*refusal_))) +
         (error_.empty() ? "" : " (" + error_ + ")") + "; tried again at " + to_iso8601(until_) + ", or now by `" +
         remedy + "`";
}

json ProviderHold::stored() const {
  if (!refusal_) return nullptr;
  json out = {{"kind", to_string(*refusal_)},
              {"error", error_},
              {"times", times_},
              {"failures", failures_},
              {"since", to_millis(since_)},
              {"refusedAt", to_millis(refused_at_)},
              {"until", to_millis(until_)}};
  if (resets_at_) out["resetsAt"] = to_millis(*resets_at_);
  return out;
}

ProviderHold ProviderHold::from_stored(json const& stored) {
  ProviderHold hold;
  if (!stored.is_object()) return hold;
  auto const kind = std::ranges::find(kNames, stored.value("kind", ""));
  if (kind == kNames.end()) return hold;
  hold.refusal_ = static_cast<Refusal>(kind - kNames.begin());
  hold.error_ = stored.value("error", "");
  hold.times_ = stored.value("times", 0);
  hold.failures_ = stored.value("failures", 0);
  auto const time = [&](char const* name) { return from_millis(stored.value(name, std::int64_t{0})); };
  hold.since_ = time("since");
  hold.refused_at_ = time("refusedAt");
  hold.until_ = time("until");
  if (stored.contains("resetsAt")) hold.resets_at_ = time("resetsAt");
  // No longer than it was to be, whatever has been done to the clock meanwhile.
  auto const whole = hold.until_ - hold.refused_at_;
  auto const left = std::clamp<milliseconds>(hold.until_ - wall_now(), 0ms, std::max(whole, 0ms));
  hold.probe_at_ = Clock::now() + left;
  hold.until_ = wall_now() + left;
  return hold;
}

ProviderHold ProviderHold::from_other(json const& stored, WallTime refused_at) {
  if (!stored.is_object()) return {};
  auto const now = wall_now();
  auto const time = [&](char const* name) { return std::min(time_in(stored.at(name)), now + kFarthest); };
  json checked = {{"kind", stored.at("kind").get<std::string>()},
                  {"error", stored.at("error").get<std::string>().substr(0, kErrorShown)},
                  {"times", std::clamp<std::int64_t>(integer_at(stored, "times"), 0, 16)},
                  {"since", to_millis(time("since"))},
                  {"refusedAt", to_millis(time("refusedAt"))},
                  {"until", to_millis(time("until"))}};
  if (stored.contains("resetsAt")) checked["resetsAt"] = to_millis(time("resetsAt"));
  auto hold = from_stored(checked);
  if (hold.is_on()) hold.refused_at_ = refused_at;
  return hold;
}

json ProviderHold::shown() const {
  if (!refusal_) return nullptr;
  json out = {
      {"kind", to_string(*refusal_)}, {"error", error_}, {"since", to_iso8601(since_)}, {"until", to_iso8601(until_)}};
  out["resetsAt"] = resets_at_ ? json(to_iso8601(*resets_at_)) : json(nullptr);
  return out;
}

}  // namespace ar::daemon
