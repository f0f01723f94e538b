#include "daemon/agent/agent_verbs.hpp"

#include "base/read_json.hpp"
#include "base/words.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/agent/memory_context.hpp"
#include "daemon/config/config.hpp"
#include "daemon/store/event_log.hpp"
#include "relay/bus.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {
constexpr auto kStartPatience = 40s;  ///< for the restart policy's wait and the start itself
}  // namespace

std::int64_t AgentVerbs::shutdown_timeout_ms() const {
  auto const own = parts_.provider.option("shutdown_timeout_ms");
  return own.is_number_integer() ? own.get<std::int64_t>() : parts_.services.config.shutdown_timeout_ms;
}

Result<AgentVerbs::Asked> AgentVerbs::read_params(VerbRow const& verb, json const& params) const {
  FieldReader in(params);
  // A program may give every command the same ones.
  auto const takes = [&](char const* parameter) {
    in.ignore(parameter);
    return has_word(verb.parameters, parameter);
  };
  Asked asked;
  asked.reason = in.maybe_string("reason");
  asked.timeout = milliseconds(shutdown_timeout_ms());
  if (takes("timeoutMs"))
    asked.timeout = milliseconds(in.integer("timeoutMs", asked.timeout.count(), 1, kMostTimeoutMs));
  if (takes("content")) asked.content = std::string(trimmed(in.string("content")));
  if (takes("memoryIds")) asked.memory_ids = in.strings("memoryIds");
  if (auto error = in.finish()) return *error;
  return asked;
}

awaitable<Result<json>> AgentVerbs::act(std::string name, json params, By by) {
  auto const* const verb = find_verb(name);
  if (!verb) co_return not_found("unknown_action", "there is no action \"" + name + "\"");
  auto asked = read_params(*verb, params);
  if (!asked) co_return asked.error();
  asked->by = by;
  if (verb->needs_process && (!parts_.process.session() || !is_live(parts_.state)))
    co_return conflict("agent_not_running", "agent " + parts_.spec.id + " is " + std::string(to_string(parts_.state)) +
                                                "; start it with `agent-runner restart " + parts_.spec.id + "`");
  switch (verb->verb) {
    case Verb::stop:
    case Verb::kill:
    case Verb::suspend: co_return co_await end_process(verb->verb, std::move(*asked));
    case Verb::restart:
    case Verb::resume: co_return co_await start_process(verb->verb, std::move(*asked));
    case Verb::inject: co_return co_await inject(std::move(*asked));
    case Verb::reconnect: co_return co_await reconnect();
    case Verb::interrupt:
    case Verb::compact:
    case Verb::clear: break;
  }
  auto const done = co_await ask_provider(verb->verb);
  if (!done) co_return done.error();
  parts_.services.events.append(parts_.spec.id, "agent." + name, {{"reason", asked->why()}});
  co_return ok(host_.view());
}

awaitable<Result<json>> AgentVerbs::end_process(Verb verb, Asked asked) {
  if (verb == Verb::suspend)
    if (auto at_rest = co_await parts_.rest.check(); !at_rest) co_return at_rest.error();
  bool const hard = verb == Verb::kill;
  host_.set_end(hard, asked.timeout);
  if (hard && parts_.state == AgentState::stopping)
    host_.end_again();  // patience has run out
  else if (auto done = host_.apply(verb == Verb::suspend ? AgentInput::suspend : AgentInput::stop, asked.why()); !done)
    co_return done.error();
  bool const ended = co_await wait_until_ended(asked.timeout + 10s);
  if (!ended)
    co_return timed_out("agent " + parts_.spec.id + " has not ended yet; try `agent-runner kill " + parts_.spec.id +
                        "`");
  co_return ok(host_.view());
}

awaitable<Result<json>> AgentVerbs::start_process(Verb verb, Asked asked) {
  host_.set_end(false, asked.timeout);
  if (verb == Verb::resume && parts_.state != AgentState::suspended)
    co_return conflict("wrong_state",
                       "agent " + parts_.spec.id + " is not suspended; `agent-runner restart` starts a stopped one");
  DescriptorBudget::Place place;
  if (is_at_rest(parts_.state)) {
    auto taken = parts_.services.descriptors.take();
    if (!taken) co_return taken.error();
    place = std::move(*taken);
  }
  // Nobody has done anything about what holds its model, or about what has ended its processes.
  if (asked.by == By::somebody) {
    parts_.restarts.forget();
    parts_.queue.outcomes().probe_now();
  }
  parts_.process.reserve(std::move(place));
  if (auto done = host_.apply(verb == Verb::resume ? AgentInput::wake : AgentInput::restart, asked.why()); !done) {
    parts_.process.reserve({});
    co_return done.error();
  }
  if (verb == Verb::restart) parts_.presence.begin_anew();
  auto const started = co_await wait_until_started(asked.timeout);
  if (!started) co_return started.error();
  co_return ok(host_.view());
}

awaitable<Result<json>> AgentVerbs::inject(Asked asked) {
  if (asked.content.empty() && asked.memory_ids.empty())
    co_return invalid("content", "content is empty; give the text to inject, or memoryIds");
  auto const memory = co_await read_memory_context(parts_.services.journal, std::move(asked.memory_ids));
  if (!memory) co_return memory.error();
  if (auto kept = host_.check_kept(); !kept) co_return kept.error();
  auto content = std::move(asked.content);
  if (!content.empty() && !memory->text.empty()) content += "\n\n";
  content += memory->text;
  json payload = {{"memoryInjection", true}, {"memoryIds", memory->ids}};
  if (asked.reason) payload["reason"] = *asked.reason;
  auto& deliveries = parts_.queue.deliveries();
  deliveries.add_local(deliveries.next_local_id(),
                       {"system", "system", std::move(content), "Agent Relay memory context", std::move(payload)});
  json result = {{"memoryIds", memory->ids}, {"injectedMemoryCount", memory->ids.size()}};
  co_return ok(std::move(result));
}

awaitable<Result<void>> AgentVerbs::ask_provider(Verb verb) {
  auto const session = parts_.process.session();
  if (verb == Verb::compact) co_return co_await session->compact();
  if (verb == Verb::clear) co_return co_await session->clear();
  struct Interrupting {
    int& count;
    explicit Interrupting(int& of) : count(of) { ++count; }
    ~Interrupting() { --count; }
  } const interrupting(interrupting_);
  auto const done = co_await session->interrupt();
  if (done) parts_.services.approvals.withdraw(parts_.spec.id);
  co_return done;
}

/// Everything about it is told to the bus and asked of it anew, and its terminal is looked at.
awaitable<Result<json>> AgentVerbs::reconnect() {
  if (parts_.presence.has_left())
    co_return conflict("agent_not_running", "agent " + parts_.spec.id +
                                                " was shut down from the bus and has left it; " +
                                                "start it with `agent-runner restart " + parts_.spec.id + "`");
  auto const registered = co_await parts_.presence.register_now();
  if (!registered) co_return registered.error();
  auto const fetched = co_await host_.fetch_unread();
  if (!fetched) co_return fetched.error();
  if (auto const terminal = parts_.process.terminal()) {
    auto const seen = co_await terminal->capture();
    if (!seen && terminal == parts_.process.terminal()) co_return seen.error();
  }
  auto shown = host_.view();
  shown["transport"] = parts_.services.bus.transport_state();
  co_return ok(std::move(shown));
}

/// A message may wake it, or somebody start it, as soon as it has.
awaitable<bool> AgentVerbs::wait_until_ended(milliseconds patience) {
  auto const deadline = Clock::now() + patience;
  auto const is_ending = [this] {
    return parts_.state == AgentState::stopping || parts_.state == AgentState::suspending;
  };
  while (is_ending() && Clock::now() < deadline) co_await parts_.changed.wait(deadline);
  co_return !is_ending();
}

awaitable<Result<void>> AgentVerbs::wait_until_started(milliseconds patience) {
  auto const deadline = Clock::now() + patience + kStartPatience;
  // Who asks should hear at once that the program is not there, though it is looked for again.
  auto const not_now = [this] { return is_at_rest(parts_.state) || parts_.restarts.program_missing(); };
  while (!is_live(parts_.state) && !not_now() && Clock::now() < deadline) co_await parts_.changed.wait(deadline);
  if (is_live(parts_.state)) co_return Result<void>();
  if (not_now())
    co_return conflict("start_failed", "agent " + parts_.spec.id + " was not started: it is " +
                                           std::string(to_string(parts_.state)) + " (" + parts_.record.reason + ")");
  co_return timed_out("agent " + parts_.spec.id + " is still " + std::string(to_string(parts_.state)) + " (" +
                      parts_.record.reason + "); see `agent-runner events " + parts_.spec.id + "`");
}

}  // namespace ar::daemon
