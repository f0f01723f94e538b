#include "relay/nats/link.hpp"

#include "base/random.hpp"
#include "relay/nats/setup.hpp"
#include "relay/reconnect.hpp"

#include <spdlog/spdlog.h>

#include <cstdio>

namespace ar::relay::nats {
namespace {

constexpr auto kLeastPause = std::chrono::milliseconds(250);
constexpr auto kLongestPause = std::chrono::seconds(30);
constexpr auto kClockCheck = std::chrono::minutes(10);
constexpr auto kClockRetry = std::chrono::seconds(30);

Clock::duration next_pause(int failures) { return pause_after(failures, kLeastPause, kLongestPause, real_random()()); }

/// "2026-01-31T12:00:00.123456789Z", as the server writes it.
std::optional<WallTime> time_from(std::string const& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0;
  double second = 0;
  if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%lfZ", &year, &month, &day, &hour, &minute, &second) != 6)  // NOLINT
    return std::nullopt;
  using namespace std::chrono;
  auto const date = year_month_day(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return std::nullopt;
  return WallTime(sys_days(date)) + hours(hour) + minutes(minute) +
         milliseconds(static_cast<std::int64_t>(second * 1000));
}

}  // namespace

Link::Link(Core& core) : core_(core), changed_(core.io) {
  for (auto* const feed : {&core_.message_feed, &core_.state_feed, &core_.command_feed, &core_.presence_feed})
    feed->on_broken([this] { changed_.notify_all(); });
}

std::string Link::state() const {
  switch (state_) {
    case State::connecting: return "connecting";
    case State::connected: return "connected";
    case State::auth_failed: return "auth-failed";
    case State::backoff:
    case State::closed: break;
  }
  return "backoff";
}

awaitable<Result<void>> Link::ready() {
  while (first_) (void)co_await changed_.wait();
  if (state_ == State::connected) co_return Result<void>();
  co_return problem_;
}

json Link::describe() const {
  json out = {{"transport", state()}, {"connections", connections_}, {"made", made_}};
  if (state_ != State::connected && !problem_.message.empty())
    out["lastError"] = {{"code", problem_.code}, {"message", problem_.message}};
  core_.js.storage().show(out);
  auto const& connection = core_.js.connection();
  if (!connection) return out;
  auto const& facts = connection->facts();
  out["server"] = {{"url", facts.url}, {"version", facts.version},        {"name", facts.name},
                   {"id", facts.id},   {"maxPayload", facts.max_payload}, {"tls", facts.tls}};
  if (!connection->last_complaint().empty()) out["complaint"] = connection->last_complaint();
  return out;
}

awaitable<Result<void>> Link::look_at_the_clock() {
  if (core_.options.time == NatsOptions::Time::machine) co_return Result<void>();
  Publication probe;
  probe.subject = core_.subject(Store::state, "clock");
  auto const before = Clock::now();
  auto const written = co_await core_.js.publish(std::move(probe));
  auto const after = Clock::now();
  // Full: the bus has to come back all the same, since tidying up is what makes room.
  if (!written && written.error().code == "disk_full") co_return Result<void>();
  if (!written) co_return written.error();
  auto const stored = co_await core_.js.at(core_.stream(Store::state), written->sequence);
  if (!stored) co_return stored.error();
  if (!*stored) co_return Result<void>();  // somebody else's probe came right after it; the next look will do
  auto const server = time_from((*stored)->stored_at);
  if (!server) co_return unavailable("nats_refused", "NATS tells no time for what it stored: " + (*stored)->stored_at);
  if (!core_.time.set(*server, before + (after - before) / 2, !clock_known_))
    spdlog::warn("nats: the server's clock was set; leases go by its old time until the next connection");
  clock_known_ = true;
  co_return Result<void>();
}

awaitable<Result<void>> Link::connect() {
  auto connection = co_await Connection::open(core_.io, thread_, core_.options,
                                              [this](std::string const&) { changed_.notify_all(); });
  if (!connection) co_return connection.error();
  core_.js.use(std::move(*connection));
  auto const made = co_await set_up(core_.js, core_.names, core_.options);
  if (!made) co_return made.error();
  for (auto const& name : *made) {
    spdlog::info("nats: made {} on {}", name, core_.js.connection()->facts().url);
    made_.push_back(name);
  }
  clock_known_ = false;
  if (auto const known = co_await look_at_the_clock(); !known) co_return known;
  Feed* const feeds[] = {&core_.message_feed, &core_.state_feed, &core_.command_feed, &core_.presence_feed};
  for (auto* const feed : feeds)
    if (auto const begun = co_await feed->start(core_.js, ++last_feed_); !begun) co_return begun;
  for (auto* const feed : feeds) {
    if (!feed->is_broken()) continue;  // a stream that was made anew takes the others of its view along
    if (auto const begun = co_await feed->start(core_.js, ++last_feed_); !begun) co_return begun;
  }
  for (auto* const feed : feeds)
    if (auto const there = co_await replay(*feed); !there) co_return there;
  co_return Result<void>();
}

awaitable<Result<void>> Link::replay(Feed& feed) {
  for (int in_vain = 0;;) {
    if (feed.is_broken())  // its server may have died in the middle
      if (auto const begun = co_await feed.start(core_.js, ++last_feed_); !begun) co_return begun;
    auto const before = feed.applied();
    auto there = co_await feed.catch_up(core_.js, core_.options.request_timeout);
    if (there || there.error().code != "nats_behind") co_return there;
    in_vain = feed.applied() > before ? 0 : in_vain + 1;
    if (in_vain == 2) co_return there;
  }
}

bool Link::any_broken() const {
  return core_.message_feed.is_broken() || core_.state_feed.is_broken() || core_.command_feed.is_broken() ||
         core_.presence_feed.is_broken();
}

awaitable<void> Link::stay() {
  auto const next_look = [this] { return Clock::now() + (clock_known_ ? Clock::duration(kClockCheck) : kClockRetry); };
  auto look_at = next_look();
  auto lasted_at = Clock::now() + kLasted;
  auto const connection = core_.js.connection();
  while (connection->alive()) {
    if (Clock::now() >= lasted_at) {
      lasted_at = Clock::time_point::max();
      attempts_ = 0;
      if (core_.failures.recovered("connection") && connections_ > 1)
        spdlog::info("nats: connected again to {}", connection->facts().url);
    }
    for (auto* const feed : {&core_.message_feed, &core_.state_feed, &core_.command_feed, &core_.presence_feed}) {
      if (!feed->is_broken()) continue;
      spdlog::info("nats: feed of {} goes on anew after {}", feed->stream(), feed->applied());
      if (auto const begun = co_await feed->start(core_.js, ++last_feed_); !begun) {
        problem_ = begun.error();
        co_return;
      }
    }
    if (Clock::now() >= look_at) {
      if (auto const known = co_await look_at_the_clock(); !known) {
        problem_ = known.error();
        if (known.error().code == "nats_away") co_return;
      }
      look_at = next_look();
    }
    if (connection->alive() && !any_broken())
      (void)co_await changed_.wait(std::min<Clock::time_point>(lasted_at, Clock::now() + kFeedHeartbeat));
  }
}

void Link::keep_status(std::string agent_id, std::string status, bool ready, json meta) {
  auto& kept = statuses_[std::move(agent_id)];
  kept.status = std::move(status);
  kept.ready = ready;
  if (meta.is_object()) kept.meta.update(meta);
}

awaitable<void> Link::tell_statuses() {
  while (!statuses_.empty()) {
    auto next = statuses_.extract(statuses_.begin());
    auto& kept = next.mapped();
    auto const told = co_await publish_status(core_, next.key(), kept.status, kept.ready, kept.meta);
    if (told || !is_transient(told.error())) continue;
    if (!statuses_.contains(next.key())) statuses_.insert(std::move(next));
    co_return;
  }
}

/// `as`: what it is to the log's gate; a loss is one, in whatever words the sockets put it.
void Link::failed(Error const& error, std::string const& as) {
  problem_ = error;
  problem_.kind = ErrorKind::unavailable;
  state_ = error.code == "nats_auth_failed" ? State::auth_failed : State::backoff;
  if (core_.failures.should_log("connection", as)) spdlog::warn("nats: {}", error.message);
}

awaitable<void> Link::run() {
  for (;;) {
    auto const connected = co_await connect();
    if (connected) {
      ++connections_;
      state_ = State::connected;
      first_ = false;
      core_.replaying = false;
      auto const& facts = core_.js.connection()->facts();
      if (connections_ == 1) spdlog::info("nats: connected to {} (nats-server {})", facts.url, facts.version);
      if (auto const ahead = core_.time.ahead();
          std::chrono::abs(ahead) > std::chrono::minutes(1) && core_.failures.should_log("clock", "ahead"))
        spdlog::warn("nats: this machine's clock is {} s ahead of the server's; leases go by the server's",
                     ahead.count() / 1000);
      problem_ = {};
      changed_.notify_all();
      core_.due_changed.notify_all();
      if (core_.store_listener) core_.store_listener();  // what it asks now is answered
      core_.note_listeners->tell();
      co_await tell_statuses();
      co_await stay();
      failed(nats_away("the connection to NATS was lost, and is made anew: " +
                       (problem_.message.empty() ? core_.js.connection()->why_lost() : problem_.message)),
             "lost");
    } else {
      failed(connected.error(), connected.error().message);
    }
    first_ = false;
    changed_.notify_all();
    if (auto const connection = core_.js.connection()) {
      co_await connection->close();  // should this be cancelled, our own close() still finds it
      core_.js.use(nullptr);
    }
    (void)co_await sleep_for(next_pause(attempts_++));
  }
}

awaitable<void> Link::close() {
  state_ = State::closed;
  first_ = false;
  problem_ = nats_away("the bus is closed");
  changed_.notify_all();
  if (auto const connection = core_.js.connection()) {
    core_.js.use(nullptr);
    co_await connection->close();
  }
}

}  // namespace ar::relay::nats
