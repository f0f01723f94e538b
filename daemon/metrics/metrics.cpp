#include "daemon/metrics/metrics.hpp"

#include "base/version.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/limits/accounts.hpp"
#include "daemon/limits/budgets.hpp"
#include "daemon/outbox/outbox.hpp"
#include "relay/bus.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <sys/resource.h>
#include <unistd.h>

namespace ar::daemon {
namespace {

using namespace std::chrono_literals;

double seconds_of(timeval const& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double real(json const& object, char const* name) {
  auto const it = object.find(name);
  return it != object.end() && it->is_number() ? it->get<double>() : 0;
}

/// Empty: it names none.
std::string name_in(json const& object, char const* name) { return text_at(object, name); }

}  // namespace

Metrics::Metrics(Services& services, Supervisor const& supervisor, LoopLag const& lag)
    : services_(services), supervisor_(supervisor), lag_(lag), tasks_(services.executor, "metrics") {}

void Metrics::start(TaskGroup::OnDeath on_death) {
  seen_ = services_.events.last();
  tasks_.spawn_vital("count", count(), std::move(on_death));
}

awaitable<void> Metrics::stop() { co_await tasks_.stop(); }

awaitable<void> Metrics::count() {
  constexpr int kPage = 500;
  for (;;) {
    auto const page = co_await services_.events.page("", seen_, kPage);
    if (!page) {
      if (!co_await sleep_for(5s)) co_return;
      continue;
    }
    for (auto const& event : *page) {
      seen_ = event.number;
      if (auto const whole = parse_object(event.json_text)) events_.take(*whole);
    }
    if (page->empty()) (void)co_await services_.events.wait("", seen_, Clock::time_point::max());
  }
}

awaitable<Result<std::string>> Metrics::text() {
  auto const used = co_await services_.budgets.usage("agent", "");
  MetricsText out;
  write_daemon(out);
  write_agents(out);
  out.family("agent_runner_limits", "gauge", "1 for each account that is held, by what holds it.");
  for (auto const& account : services_.accounts.list()["limits"])
    if (auto const& held = object_at(account, "hold"); !held.empty())
      out.value(1, {{"account", name_in(account, "account")}, {"kind", name_in(held, "kind")}});
  out.family("agent_runner_tokens_total", "counter", "Tokens that agents have used, by the providers' records.");
  auto const rows = used ? used->value("usage", json::array()) : json::array();
  for (auto const& row : rows)
    for (auto const& [kind, field] : {std::pair{"input", "inputTokens"},
                                      {"output", "outputTokens"},
                                      {"cache_read", "cacheReadTokens"},
                                      {"cache_write", "cacheWriteTokens"}})
      out.value(real(row, field), {{"agent", name_in(row, "agent")}, {"kind", kind}});
  out.family("agent_runner_cost_usd_total", "counter", "What agents' turns have cost, where the provider says so.");
  for (auto const& row : rows)
    if (row.contains("costUsd") && row["costUsd"].is_number())
      out.value(real(row, "costUsd"), {{"agent", name_in(row, "agent")}});
  events_.write(out);
  co_return out.text();
}

void Metrics::write_agents(MetricsText& out) const {
  std::map<std::string, int> states;
  for (auto const state : {"creating", "starting", "idle", "busy", "waiting", "suspending", "suspended", "restarting",
                           "stopping", "stopped", "failed"})
    states[state] = 0;
  std::map<std::string, std::size_t> queues;
  std::size_t unknown = 0;
  for (auto const& [name, agent] : supervisor_.agents()) {
    ++states[std::string(to_string(agent->state()))];
    queues[name] = agent->queue().deliveries().waiting();
    unknown += static_cast<std::size_t>(std::ranges::count_if(
        agent->queue().open(), [](auto const& entry) { return entry.second.state == DeliveryState::unknown; }));
  }
  out.family("agent_runner_agents", "gauge", "Agents by their state.");
  for (auto const& [state, count] : states) out.value(count, {{"state", state}});
  out.family("agent_runner_queue_length", "gauge", "Messages that wait for each agent.");
  for (auto const& [agent, length] : queues) out.value(static_cast<double>(length), {{"agent", agent}});
  out.family("agent_runner_deliveries_unknown", "gauge", "Messages of which nobody can tell whether they were taken.");
  out.value(static_cast<double>(unknown));
  out.family("agent_runner_approvals_pending", "gauge", "Requests that wait for a person.");
  out.value(static_cast<double>(services_.approvals.pending()));
}

void Metrics::write_daemon(MetricsText& out) const {
  out.family("agent_runner_info", "gauge", "1; the version is its label.");
  out.value(1, {{"version", std::string(kVersion)}});
  out.family("agent_runner_bus_up", "gauge", "1 while the bus is connected.");
  out.value(services_.bus.transport_state() == "connected" ? 1 : 0, {{"kind", std::string(services_.bus.name())}});
  auto const outbox = services_.outbox.shown();
  out.family("agent_runner_outbox_waiting", "gauge", "What waits for webhooks and callbacks.");
  out.value(real(outbox, "waiting"));
  auto const lag = lag_.shown();
  out.family("agent_runner_loop_lag_seconds", "gauge", "How late the daemon's one thread was, at its newest looks.");
  for (auto const& [part, field] : {std::pair{"p50", "p50Ms"}, {"p99", "p99Ms"}, {"max", "maxMs"}})
    out.value(real(lag, field) / 1000, {{"part", part}});
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  out.family("process_cpu_seconds_total", "counter", "Processor time of the daemon.");
  out.value(seconds_of(used.ru_utime) + seconds_of(used.ru_stime));
  std::size_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  out.family("process_resident_memory_bytes", "gauge", "Memory of the daemon.");
  out.value(static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  out.family("process_start_time_seconds", "gauge", "When the daemon was started, in seconds since 1970.");
  out.value(static_cast<double>(to_millis(started_at_)) / 1000);
}

}  // namespace ar::daemon
