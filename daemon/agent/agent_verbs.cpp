// What people, programs and the bus have an agent do; and the rest after which it is suspended by itself.
#include "base/words.hpp"
#include "daemon/agent/agent.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/config/config.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {
constexpr auto kStartPatience = 40s;  ///< for the restart policy's wait and the start itself
}  // namespace

std::int64_t Agent::shutdown_timeout_ms() const {
  auto const own = provider_.option("shutdown_timeout_ms");
  return own.is_number_integer() ? own.get<std::int64_t>() : services_.config.shutdown_timeout_ms;
}

Result<Agent::Asked> Agent::read_params(VerbRow const& verb, json const& params) const {
  FieldReader in(params);
  // A program may give every command the same ones.
  auto const takes = [&](char const* parameter) {
    in.ignore(parameter);
    return has_word(verb.parameters, parameter);
  };
  Asked asked;
  asked.reason = in.string("reason", "asked for");
  asked.timeout = milliseconds(shutdown_timeout_ms());
  if (takes("timeoutMs")) asked.timeout = milliseconds(in.integer("timeoutMs", asked.timeout.count(), 1, 60'000));
  if (takes("content")) asked.content = in.string("content");
  if (takes("memoryIds")) asked.memory_ids = in.strings("memoryIds");
  if (auto error = in.finish()) return *error;
  return asked;
}

awaitable<Result<json>> Agent::act(std::string name, json params) {
  if (removing_) co_return being_removed();
  auto const* const verb = find_verb(name);
  if (!verb) co_return not_found("unknown_action", "there is no action \"" + name + "\"");
  auto asked = read_params(*verb, params);
  if (!asked) co_return asked.error();
  if (verb->needs_process && (!process_.session() || !is_live(state_)))
    co_return conflict("agent_not_running", "agent " + spec_.id + " is " + std::string(to_string(state_)) +
                                                "; start it with `agent-runner restart " + spec_.id + "`");
  switch (verb->verb) {
    case Verb::stop:
    case Verb::kill:
    case Verb::suspend: co_return co_await end_process(verb->verb, std::move(*asked));
    case Verb::restart:
    case Verb::resume: co_return co_await start_process(verb->verb, std::move(*asked));
    case Verb::inject: co_return inject(std::move(*asked));
    case Verb::reconnect: co_return co_await reconnect();
    case Verb::interrupt:
    case Verb::compact:
    case Verb::clear: break;
  }
  auto const done = co_await ask_provider(verb->verb);
  if (!done) co_return done.error();
  services_.events.append(spec_.id, "agent." + name);
  co_return ok(view());
}

awaitable<Result<json>> Agent::end_process(Verb verb, Asked asked) {
  if (verb == Verb::suspend)
    if (auto at_rest = co_await check_at_rest(); !at_rest) co_return at_rest.error();
  hard_ = verb == Verb::kill;
  patience_ = asked.timeout;
  if (hard_ && state_ == AgentState::stopping)
    perform(Action::terminate);  // patience has run out
  else if (auto done = apply(verb == Verb::suspend ? AgentInput::suspend : AgentInput::stop, asked.reason); !done)
    co_return done.error();
  bool const ended = co_await wait_until_ended(asked.timeout + 10s);
  if (!ended) co_return timed_out("agent " + spec_.id + " has not ended yet; try `agent-runner kill " + spec_.id + "`");
  co_return ok(view());
}

awaitable<Result<json>> Agent::start_process(Verb verb, Asked asked) {
  hard_ = false;
  patience_ = asked.timeout;
  if (verb == Verb::resume && state_ != AgentState::suspended)
    co_return conflict("wrong_state",
                       "agent " + spec_.id + " is not suspended; `agent-runner restart` starts a stopped one");
  DescriptorBudget::Place place;
  if (is_at_rest(state_)) {
    auto taken = services_.descriptors.take();
    if (!taken) co_return taken.error();
    place = std::move(*taken);
  }
  policy_.forget();
  record_.exits.clear();
  queue_.probe_now();
  process_.reserve(std::move(place));
  if (auto done = apply(verb == Verb::resume ? AgentInput::wake : AgentInput::restart, asked.reason); !done) {
    process_.reserve({});
    co_return done.error();
  }
  if (verb == Verb::restart) presence_.begin_anew();
  auto const started = co_await wait_until_started(asked.timeout);
  if (!started) co_return started.error();
  co_return ok(view());
}

Result<json> Agent::inject(Asked asked) {
  if (asked.content.empty()) return invalid("content", "content is empty; give the text to inject");
  queue_.offer_local(queue_.next_local_id(), "system", "memory context", std::move(asked.content));
  json result = {{"memoryIds", asked.memory_ids}, {"injectedMemoryCount", asked.memory_ids.size()}};
  return ok(std::move(result));
}

awaitable<Result<void>> Agent::ask_provider(Verb verb) {
  auto const session = process_.session();
  if (verb == Verb::compact) co_return co_await session->compact();
  if (verb == Verb::clear) co_return co_await session->clear();
  struct Interrupting {
    int& count;
    explicit Interrupting(int& of) : count(of) { ++count; }
    ~Interrupting() { --count; }
  } const interrupting(interrupting_);
  auto const done = co_await session->interrupt();
  if (done) services_.approvals.withdraw(spec_.id);
  co_return done;
}

/// Everything about it is told to the bus and asked of it anew, and its terminal is looked at.
awaitable<Result<json>> Agent::reconnect() {
  if (presence_.has_left())
    co_return conflict("agent_not_running", "agent " + spec_.id + " was shut down from the bus and has left it; " +
                                                "start it with `agent-runner restart " + spec_.id + "`");
  auto const registered = co_await presence_.register_now();
  if (!registered) co_return registered.error();
  auto const fetched = co_await fetch_unread();
  if (!fetched) co_return fetched.error();
  if (auto const terminal = process_.terminal()) {
    auto const seen = co_await terminal->capture();
    if (!seen && terminal == process_.terminal()) co_return seen.error();
  }
  auto shown = view();
  shown["transport"] = services_.bus.transport_state();
  co_return ok(std::move(shown));
}

/// A message may wake it, or somebody start it, as soon as it has.
awaitable<bool> Agent::wait_until_ended(milliseconds patience) {
  auto const deadline = Clock::now() + patience;
  auto const is_ending = [this] { return state_ == AgentState::stopping || state_ == AgentState::suspending; };
  while (is_ending() && Clock::now() < deadline) co_await changed_.wait(deadline);
  co_return !is_ending();
}

awaitable<Result<void>> Agent::wait_until_started(milliseconds patience) {
  auto const deadline = Clock::now() + patience + kStartPatience;
  // Who asks should hear at once that the program is not there, though it is looked for again.
  auto const not_now = [this] { return is_at_rest(state_) || policy_.program_missing(); };
  while (!is_live(state_) && !not_now() && Clock::now() < deadline) co_await changed_.wait(deadline);
  if (is_live(state_)) co_return Result<void>();
  if (not_now())
    co_return conflict("start_failed", "agent " + spec_.id + " was not started: it is " +
                                           std::string(to_string(state_)) + " (" + record_.reason + ")");
  co_return timed_out("agent " + spec_.id + " is still " + std::string(to_string(state_)) + " (" + record_.reason +
                      "); see `agent-runner events " + spec_.id + "`");
}

// ---- rest ----

bool Agent::does_nothing() const {
  return state_ == AgentState::idle && queue_.waiting() == 0 && !turn_runs() && work_.status() == "idle";
}

awaitable<void> Agent::idle_watch() {
  auto rest_since = wall_now();
  for (;;) {
    if (!does_nothing()) {
      (void)co_await presence_.changed(Clock::now() + 60s);
      rest_since = wall_now();
      continue;
    }
    auto const due = std::max(rest_since, record_.since) + milliseconds(spec_.idle_ttl_ms);
    if (wall_now() < due) {
      (void)co_await presence_.changed(Clock::now() + std::min<milliseconds>(due - wall_now(), 1h));
      continue;
    }
    bool const can_go_on = co_await can_resume();
    auto at_rest = Result<void>();
    if (can_go_on) at_rest = co_await check_at_rest();
    rest_since = wall_now();
    if (!at_rest) spdlog::info("not suspended: {}", at_rest.error().message);
    if (!can_go_on || !at_rest || !does_nothing()) continue;
    patience_ = milliseconds(shutdown_timeout_ms());
    (void)apply(AgentInput::suspend, "idle for " + std::to_string(spec_.idle_ttl_ms / 1000) + " s");
  }
}

awaitable<Result<void>> Agent::check_at_rest() {
  std::string doing;
  if (auto const session = process_.session(); session && state_ == AgentState::idle)
    doing = co_await session->running_work();
  // What is known here may have changed meanwhile.
  if (auto known = work_.busy_with(); !known.empty()) doing = std::move(known);
  if (state_ == AgentState::idle && !doing.empty())
    co_return conflict("wrong_state", "agent " + spec_.id + " has work under way (" + doing +
                                          ") and cannot suspend now; see `agent-runner ps`");
  if (is_wanted())
    co_return conflict("wrong_state", "agent " + spec_.id +
                                          " has messages waiting, which would wake it at once; see `agent-runner ps`");
  co_return Result<void>();
}

}  // namespace ar::daemon
