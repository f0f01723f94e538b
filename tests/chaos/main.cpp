// chaos: load on a whole installation while its parts are killed at random moments; at the end, counting at
// the receiver. Exit status 0: nothing lost, nothing doubled, nothing in the wrong order; 1: something was;
// 2: wrong usage; 77: what it needs is missing on this machine.
#include "chaos/body.hpp"
#include "chaos/killer.hpp"
#include "chaos/load.hpp"
#include "chaos/provider.hpp"
#include "e2e/offline.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <random>
#include <thread>

namespace {

using namespace ar;
using namespace ar::chaos;
using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr char kUsage[] =
    "usage: chaos [--kills N] [--agent-kills M] [--seed S] [--agents K] [--provider fast|claude|codex]\n"
    "             [--road terminal|socket|auto] [--minutes LIMIT] [--no-disk] [--keep] [--json]\n";
constexpr std::size_t kSmallDisk = 512U << 20;

struct Options {
  int kills = 40, agent_kills = 15, agents = 0, minutes = 30;
  std::uint64_t seed = 0;
  std::string provider = "fast", road = "terminal";  ///< road: of Claude Code
  bool disk = true, keep = false, json_output = false;
};

bool read_number(char const* text, auto& number) {
  auto const* const end = text + std::strlen(text);
  auto const [at, ec] = std::from_chars(text, end, number);
  return ec == std::errc() && at == end;
}

bool read_options(int argc, char** argv, Options& options) {
  options.seed = std::random_device{}();
  for (int i = 1; i < argc; ++i) {
    std::string const name = argv[i];
    if (name == "--json")
      options.json_output = true;
    else if (name == "--no-disk")
      options.disk = false;
    else if (name == "--keep")
      options.keep = true;
    else if (++i == argc)
      return false;
    else if (name == "--road")
      options.road = argv[i];
    else if (name == "--provider") {
      options.provider = argv[i];
      if (options.provider != "fast" && options.provider != "claude" && options.provider != "codex") return false;
    } else if (!(name == "--kills"         ? read_number(argv[i], options.kills)
                 : name == "--agent-kills" ? read_number(argv[i], options.agent_kills)
                 : name == "--seed"        ? read_number(argv[i], options.seed)
                 : name == "--agents"      ? read_number(argv[i], options.agents)
                 : name == "--minutes"     ? read_number(argv[i], options.minutes)
                                           : false))
      return false;
  }
  if (options.agents == 0) options.agents = options.provider == "fast" ? 8 : 1;
  return true;
}

std::vector<std::string> spawn_agents(Lab const& lab, Provider const& provider, int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    names.push_back("a" + std::to_string(i));
    auto const answer = lab.api().request("POST", "/v1/agents", provider.spawn_request(names.back()), 30s);
    if (!answer || !answer->good())
      throw std::runtime_error("cannot spawn: " + (answer ? answer->problem() : "no answer"));
  }
  for (auto const& name : names) {
    std::string state;
    for (int tries = 0; tries < 3000 && state != "idle"; ++tries) {
      auto const answer = lab.api().request("GET", "/v1/agents/" + name);
      if (answer && answer->good()) state = answer->body.value("state", "");
      std::this_thread::sleep_for(20ms);
    }
    if (state != "idle") throw std::runtime_error("agent " + name + " does not become idle: " + state);
  }
  return names;
}

bool is_settled(json const& message) {
  return std::ranges::any_of(message.value("deliveries", json::array()), [](json const& d) {
    auto const state = d.value("state", "");
    return (state == "done" || state == "failed") && d.value("acknowledged", false);
  });
}

/// Waits until every message has come to its end, while that makes progress; returns what the daemon shows of
/// each.
std::vector<json> settle(Lab const& lab, Killer& killer, std::vector<SentMessage> const& sent) {
  std::map<std::int64_t, json> shown;
  auto patience = SteadyClock::now() + 60s;
  for (std::size_t before = 0; SteadyClock::now() < patience && !interrupted; std::this_thread::sleep_for(100ms)) {
    std::size_t open = 0;
    for (auto const& message : sent) {
      if (auto const it = shown.find(message.id); it != shown.end() && is_settled(it->second)) continue;
      auto const answer = lab.api().request("GET", "/v1/messages/" + std::to_string(message.id));
      if (answer && answer->good()) shown[message.id] = answer->body;
      if (!is_settled(shown[message.id])) ++open;
    }
    if (open == 0) break;
    if (open != before) patience = SteadyClock::now() + 60s;
    before = open;
    killer.restart_given_up();
  }
  // What the bus holds that no sender knows of is a message sent twice.
  for (std::string cursor;;) {
    auto const answer =
        lab.api().request("GET", "/v1/messages?limit=1000" + (cursor.empty() ? "" : "&cursor=" + cursor));
    if (!answer || !answer->good()) break;
    for (auto const& message : answer->body["messages"])
      if (message.value("from", "") == "chaos") shown.try_emplace(message.value("id", std::int64_t{0}), message);
    auto const next = answer->body.find("nextCursor");
    if (next == answer->body.end() || next->is_null()) break;
    cursor = next->is_string() ? next->get<std::string>() : next->dump();
  }
  std::vector<json> all;
  for (auto& [id, message] : shown) all.push_back(std::move(message));
  return all;
}

/// What records said about messages whose submission was cut short: how often the kills have hit.
json records_said(Lab const& lab) {
  std::map<std::string, int> said;
  for (std::int64_t cursor = 0;;) {
    auto const answer =
        lab.api().request("GET", "/v1/events?limit=1000&cursor=" + std::to_string(cursor), nullptr, 30s);
    if (!answer || !answer->good() || answer->body["events"].empty()) break;
    for (auto const& event : answer->body["events"]) {
      cursor = event.value("number", cursor);
      if (event.value("type", "") == "message.looked_up") ++said[event["data"].value("says", "")];
    }
  }
  return said;
}

json quantiles(std::vector<double> values) {
  if (values.empty()) return nullptr;
  std::ranges::sort(values);
  auto const at = [&](double p) {
    return std::round(values[static_cast<std::size_t>(p * static_cast<double>(values.size() - 1))]);
  };
  return {{"p50", at(.5)}, {"p95", at(.95)}, {"max", at(1)}, {"count", values.size()}};
}

int run(Options const& options) {
  bool const claude = options.provider == "claude", codex = options.provider == "codex";
  auto const cli = claude ? test::claude_offline() : codex ? test::codex_offline() : std::string();
  Lab lab(options.disk ? kSmallDisk : 0);
  std::fprintf(stderr, "seed %llu%s\n", static_cast<unsigned long long>(options.seed),
               lab.no_disk().empty() ? "" : (", the disk is never full: " + lab.no_disk()).c_str());
  auto const begin = SteadyClock::now();
  auto const provider = claude  ? make_claude_provider(lab, cli, options.road)
                        : codex ? make_codex_provider(lab, cli)
                                : make_fast_provider(lab);
  if (auto const up = lab.run({"up"}); up.status != 0) throw std::runtime_error("the daemon does not start: " + up.out);
  auto const agents = spawn_agents(lab, *provider, options.agents);

  Load load(lab, *provider, agents, options.seed);
  Killer killer(lab, load, *provider, agents, options.seed);
  load.start();
  Plan plan{options.kills, options.agent_kills, claude || codex, options.disk && lab.no_disk().empty()};
  killer.run(plan, begin + std::chrono::minutes(options.minutes));
  load.stop();
  for (auto const& agent : agents) {  // the last word to each: with it, the receiver's side shows all before it
    auto message = load.next_message(agent, false);
    (void)load.send(message, std::string(kSerialMark) + std::to_string(message.serial) + " is the last one");
  }
  auto const stopped = SteadyClock::now();
  auto const shown = settle(lab, killer, load.sent());
  auto tally = count(load.sent(), provider->receipts(agents), shown);
  auto const refused = load.refused();

  json report = to_json(tally);
  report["seed"] = options.seed;
  report["provider"] = options.provider;
  report["agents"] = agents.size();
  report["seconds"] = std::chrono::duration_cast<std::chrono::seconds>(SteadyClock::now() - begin).count();
  report["secondsToSettle"] = std::chrono::duration_cast<std::chrono::seconds>(SteadyClock::now() - stopped).count();
  for (auto const& [blow, times] : killer.done()) report["killed"][name_of(blow)] = times;
  report["killToGoneMs"] = quantiles(killer.times().gone);
  report["upMs"] = quantiles(killer.times().up);
  report["upToAcceptedMs"] = quantiles(killer.times().working);
  report["recordsSaid"] = records_said(lab);
  report["sendsRepeated"] = load.repeated();
  report["sendsRefused"] = refused;
  report["operatorRestarts"] = killer.operator_restarts();
  report["troubles"] = killer.troubles();
  bool const good = tally.good() && refused.empty() && tally.sent > 0;
  if (!good || options.keep) report["kept"] = lab.keep().string();
  if (options.json_output) {
    std::cout << report.dump(2) << "\n";
  } else {
    std::cout << "seed " << options.seed << ", " << agents.size() << " " << report["provider"].get<std::string>()
              << " agents, " << report["seconds"] << " s (" << report["secondsToSettle"]
              << " s of it to settle)\nkilled " << report["killed"].dump() << "\n"
              << describe(tally) << "kill to gone " << report["killToGoneMs"].dump() << " ms\n`up` to ready "
              << report["upMs"].dump() << " ms\n`up` to a message accepted " << report["upToAcceptedMs"].dump()
              << " ms\nrecords asked " << report["recordsSaid"].dump() << "\nsends repeated " << load.repeated()
              << ", refused " << refused.size() << ", restarts by the operator " << killer.operator_restarts() << "\n";
    for (auto const& line : refused) std::cout << "  refused: " << line << "\n";
    for (auto const& line : killer.troubles()) std::cout << "  trouble: " << line << "\n";
    if (report.contains("kept")) std::cout << "kept: " << report["kept"].get<std::string>() << "\n";
  }
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!read_options(argc, argv, options)) {
    std::cerr << kUsage;
    return 2;
  }
  for (int const signal : {SIGINT, SIGTERM}) ::signal(signal, [](int) { interrupted = 1; });
  try {
    return run(options);
  } catch (std::exception const& e) {
    std::cerr << "chaos: " << e.what() << "\n";
    return 1;
  }
}
