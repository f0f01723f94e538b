#include "chaos/killer.hpp"

#include "chaos/sandbox.hpp"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <thread>

namespace ar::chaos {
using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

volatile std::sig_atomic_t interrupted = 0;

namespace {

constexpr int kTries = 5;  ///< of one blow: its victim may end by itself before it falls

double milliseconds_since(SteadyClock::time_point then) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - then).count();
}

bool eventually(std::chrono::milliseconds patience, auto const& condition) {
  auto const deadline = SteadyClock::now() + patience;
  while (!condition()) {
    if (SteadyClock::now() > deadline || interrupted) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

}  // namespace

char const* name_of(Blow blow) {
  switch (blow) {
    case Blow::daemon: return "daemon";
    case Blow::agent: return "agent";
    case Blow::agent_in_tool: return "agent inside a tool";
    case Blow::tmux_client: return "tmux control client";
    case Blow::tmux_server: return "tmux server";
    case Blow::disk_full: return "disk full";
  }
  return "";
}

std::vector<Blow> Plan::shuffled(std::mt19937_64& random) const {
  std::vector<Blow> all;
  auto const add = [&](int n, Blow blow) { all.insert(all.end(), static_cast<std::size_t>(std::max(0, n)), blow); };
  // Every so many kills one of the rarer kind, and at least one.
  auto const one_in = [&](int n) { return daemon_kills == 0 ? 0 : (daemon_kills + n - 1) / n; };
  add(daemon_kills, Blow::daemon);
  add(tools ? agent_kills - agent_kills / 2 : agent_kills, Blow::agent);
  add(tools ? agent_kills / 2 : 0, Blow::agent_in_tool);
  add(one_in(15), Blow::tmux_client);
  add(one_in(100), Blow::tmux_server);
  add(disk ? one_in(40) : 0, Blow::disk_full);
  std::ranges::shuffle(all, random);
  return all;
}

Killer::Killer(Lab& lab, Load& load, Provider const& provider, std::vector<std::string> agents, std::uint64_t seed)
    : lab_(lab), load_(load), provider_(provider), agents_(std::move(agents)), random_(seed) {}

void Killer::run(Plan const& plan, SteadyClock::time_point until) {
  auto const blows = plan.shuffled(random_);
  int struck = 0;
  auto told = SteadyClock::now();
  for (auto const blow : blows) {
    if (SteadyClock::now() > until || interrupted) break;
    strike(blow);
    if (++struck % 10 == 0) restart_given_up();
    if (SteadyClock::now() - told > 30s) {
      std::fprintf(stderr, "%d of %zu blows, %zu messages\n", struck, blows.size(), load_.sent().size());
      told = SteadyClock::now();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 150));
  }
  (void)bring_up();
}

void Killer::strike(Blow blow) {
  switch (blow) {
    case Blow::daemon: kill_daemon(); break;
    case Blow::agent:
    case Blow::agent_in_tool:
      for (int tries = 0; !kill_agent(blow == Blow::agent_in_tool);)
        if (++tries == kTries || interrupted) return;
      break;
    case Blow::tmux_client: kill_tmux_client(); break;
    case Blow::tmux_server: kill_tmux_server(); break;
    case Blow::disk_full: fill_disk(); break;
  }
  ++done_[blow];
}

void Killer::random_moment() {
  if (random_() % 4 != 0) load_.poke();
  auto const exponent = static_cast<double>(random_() % 10'000) / 10'000 * 3.7;  // 10 us ... 50 ms
  std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int>(10 * std::pow(10, exponent))));
}

bool Killer::bring_up() {
  Outcome said;
  for (int tries = 0; tries < 20; ++tries) {
    said = lab_.run({"up"});
    if (said.status == 0) return true;
    std::this_thread::sleep_for(200ms);
  }
  troubles_.push_back("the daemon does not start: " + said.out);
  return false;
}

void Killer::kill_daemon() {
  auto const pid = lab_.daemon_pid();
  if (!pid) {
    troubles_.push_back("the daemon had ended by itself");
    (void)bring_up();
    return;
  }
  Target const daemon(*pid);
  random_moment();
  auto const killed = SteadyClock::now();
  daemon.kill();
  if (!daemon.wait_gone()) troubles_.push_back("a killed daemon did not end");
  times_.gone.push_back(milliseconds_since(killed));
  // Sometimes nobody is in a hurry, and agents go on alone for a while.
  if (random_() % 8 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 500));
  auto const asked = SteadyClock::now();
  if (!bring_up()) return;
  times_.up.push_back(milliseconds_since(asked));
  if (random_() % 10 == 0) measure_working(asked);
}

void Killer::measure_working(SteadyClock::time_point asked) {
  auto message = load_.next_message(agents_[random_() % agents_.size()], false);
  auto const id = load_.send(message, provider_.body(message.serial, random_));
  if (id == 0) return;
  auto const answer =
      lab_.api().request("GET", "/v1/messages/" + std::to_string(id) + "?wait=accepted&timeoutMs=20000", nullptr, 21s);
  if (answer && answer->good()) times_.working.push_back(milliseconds_since(asked));
}

bool Killer::kill_agent(bool in_tool) {
  auto const agent = agents_[random_() % agents_.size()];
  pid_t pid = 0;
  std::string state, reason;
  auto const runs = [&] {
    auto const answer = lab_.api().request("GET", "/v1/agents/" + agent);
    if (!answer || !answer->good()) return false;
    pid = answer->body.value("pid", 0);
    state = answer->body.value("state", "");
    reason = answer->body.value("reason", "");
    if (state == "failed") restart_given_up();
    return pid > 0 && (state == "idle" || state == "busy");
  };
  if (!eventually(60s, runs)) {
    troubles_.push_back("agent " + agent + " does not come back: it is " + state + " (" + reason + ")");
    return false;
  }
  if (in_tool) {
    auto message = load_.next_message(agent, false);
    if (load_.send(message, provider_.tool_body(message.serial)) == 0) return false;
    auto const tool_runs = [&] {
      return std::ranges::any_of(descendants_of(pid), [](pid_t process) {
        return Target(process).command_line().find("sleep") != std::string::npos;
      });
    };
    if (!eventually(60s, tool_runs)) {
      troubles_.push_back("no tool was seen to run in agent " + agent);
      return false;
    }
  }
  auto const processes = provider_.processes(pid);
  Target const target(processes[random_() % processes.size()]);
  if (!in_tool)
    random_moment();
  else
    std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 300));
  if (target.command_line().find(provider_.program()) == std::string::npos) return false;
  target.kill();
  return target.wait_gone();
}

void Killer::kill_tmux_client() {
  auto const pid = lab_.tmux_client_pid();
  if (!pid) return;
  Target const client(*pid);
  random_moment();
  client.kill();
}

void Killer::kill_tmux_server() {
  auto const pid = lab_.tmux_server_pid();
  if (!pid) return;
  Target const server(*pid);
  random_moment();
  server.kill();
  (void)server.wait_gone();
}

void Killer::fill_disk() {
  DiskFull const full(lab_.state());
  load_.poke();
  std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 1500));
  if (random_() % 3 != 0) return;
  if (auto const pid = lab_.daemon_pid()) {
    Target const daemon(*pid);
    daemon.kill();
    (void)daemon.wait_gone();
    (void)lab_.run({"up"});  // it may refuse: there is no room; bring_up comes with the next blow
  }
}

void Killer::restart_given_up() {
  auto const answer = lab_.api().request("GET", "/v1/agents");
  if (!answer || !answer->good()) return;
  for (auto const& agent : answer->body.value("agents", json::array())) {
    if (agent.value("state", "") != "failed") continue;
    auto const id = agent.value("id", "");
    troubles_.push_back("agent " + id + " was given up, and restarted by the operator: " + agent.value("reason", ""));
    ++operator_restarts_;
    (void)lab_.api().request("POST", "/v1/agents/" + id + "/restart", json::object());
  }
}

}  // namespace ar::chaos
