// The promise of docs/delivery.md over the whole road, with the real CLIs: bus, journal, queue, tmux, CLI, model. Every
// message reaches the model exactly once, byte for byte, whether the agent is idle or busy. E2E_MESSAGES sets how many
// (default 36).
#include "base/paths.hpp"
#include "e2e/bodies.hpp"
#include "e2e/codex_bare.hpp"
#include "e2e/offline.hpp"
#include "e2e/provider_road.hpp"
#include "e2e/received.hpp"
#include "support/run.hpp"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>

using namespace ar;
using test::Installation;

namespace {

/// Milliseconds since midnight of "2026-01-31T12:34:56.789Z": enough for differences within a test.
double milliseconds_of(std::string const& at) {
  return 1000 * (3600 * std::stod(at.substr(11, 2)) + 60 * std::stod(at.substr(14, 2)) + std::stod(at.substr(17, 6)));
}

std::map<std::string, double> steps_of(json const& delivery) {
  std::map<std::string, double> steps;
  for (auto const& step : delivery["steps"])
    steps[step["step"].get<std::string>()] = milliseconds_of(step["at"].get<std::string>());
  return steps;
}

void print(char const* what, std::vector<double> const& values) {
  std::printf("idle, %-16s p50 %6.1f ms  p95 %6.1f ms  (N=%zu)\n", what, test::quantile(values, 0.5),
              test::quantile(values, 0.95), values.size());
}

/// `beside`: called after each timed message, for a measurement in the same run. Returns bus -> accepted,
/// milliseconds.
std::vector<double> run_bus(test::ProviderRoad& road, std::function<void()> const& beside) {
  auto& home = road.home;
  road.spawn();
  home.wait_for_state("m", "idle");

  auto const* const wanted = std::getenv("E2E_MESSAGES");
  auto const total = static_cast<std::size_t>(wanted ? std::max(12, std::atoi(wanted)) : 36);
  std::vector<std::pair<std::int64_t, std::string>> sent;
  auto const next_body = [&] { return test::bodies()[sent.size() % test::bodies().size()]; };
  auto const send = [&](std::string const& body, std::vector<std::string> const& more) {
    sent.emplace_back(home.send("m", body, more), body);
  };
  auto const wait_for_all = [&] {
    for (auto const& [id, body] : sent) {
      auto const is_done = [&, message = id] { return home.delivery_state(message) == "done"; };
      auto const done = Installation::eventually(is_done);
      REQUIRE_MESSAGE(done, body.substr(0, 60), ": ", home.message(id).dump(2), road.screen(),
                      home.good({"events", "m"}).out);
    }
  };
  // While idle: each waits for the one before to be done. Every other one is short, and timed.
  std::vector<std::int64_t> timed;
  std::vector<std::string> const wait{"--wait=done", "--timeout", "60s"};
  for (std::size_t i = 0; sent.size() < total / 2; ++i) {
    send(test::bodies()[i % test::bodies().size()], wait);
    send("timed", wait);
    timed.push_back(sent.back().first);
    beside();
  }
  // While a tool runs: some wait for the turn's end, some go into the turn.
  while (sent.size() < total) {
    home.send("m", road.tool_turn() + " [[say:worked]]");
    home.wait_for_state("m", "busy");
    for (int i = 0; i < 6 && sent.size() < total; ++i)
      send(next_body(), i % 3 == 2 ? std::vector<std::string>{"--urgent"} : std::vector<std::string>{});
    wait_for_all();
  }

  auto const received = test::received_by_model(road.prompts());
  std::size_t once = 0, exact = 0, as_file = 0, acknowledged_early = 0;
  std::vector<double> to_submit, to_accept, all;
  for (auto const& [id, body] : sent) {
    CAPTURE(id);
    CAPTURE(body.substr(0, 60));
    auto const shown = home.message(id);
    auto const steps = steps_of(shown["deliveries"][0]);
    acknowledged_early += steps.at("acknowledged") < steps.at("accepted");
    if (std::ranges::find(timed, id) != timed.end()) {
      to_submit.push_back(steps.at("submitted") - steps.at("sent"));
      to_accept.push_back(steps.at("accepted") - steps.at("submitted"));
      all.push_back(steps.at("accepted") - steps.at("sent"));
    }
    REQUIRE(received.contains(id));
    auto const& at_model = received.at(id);
    CHECK(at_model.times == 1);
    once += at_model.times == 1;
    auto const file = home.body_file("m", id);
    if (at_model.text == body) {
      ++exact;
    } else if (!file.empty() && at_model.text.find(file.string()) != std::string::npos) {
      ++as_file;
      exact += *read_file(file, 10U << 20) == body;
    }
  }
  CHECK(exact == sent.size());
  CHECK(acknowledged_early == 0);
  CHECK_FALSE(std::filesystem::exists(home.work() / "must-not-exist"));
  std::printf(
      "%s, messages %zu: at the model once %zu, byte for byte %zu (inline %zu, as a file %zu), "
      "acknowledged before they were accepted %zu\n",
      road.name().c_str(), sent.size(), once, exact, exact - as_file, as_file, acknowledged_early);
  print("bus -> submitted", to_submit);
  print("submitted -> accepted", to_accept);
  print("bus -> accepted", all);
  return all;
}

}  // namespace

TEST_CASE("EveryMessageReachesClaudeCodesModelOnceByteForByte") {
  test::ClaudeRoad road(test::claude_offline());
  run_bus(road, [] {});
}

TEST_CASE("EveryMessageReachesCodexsModelOnceByteForByte") {
  test::CodexRoad road(test::codex_offline());
  // Beside it, in the same run and on the same thread, the shortest protocol that works at all.
  net::io_context io(1);
  std::optional<test::CodexBare> bare;
  std::vector<double> floor;
  auto const all = run_bus(road, [&] {
    test::run(io, [&]() -> awaitable<void> {
      if (!bare) {
        bare.emplace(io.get_executor(), road.home.state() / "agents" / "m" / "codex" / "app.sock");
        co_await bare->open(road.home.agent("m")["providerSession"]);
      }
      floor.push_back(co_await bare->deliver());
    });
    road.home.wait_for_state("m", "idle");
  });
  if (bare) test::run(io, [&]() -> awaitable<void> { co_await bare->close(); });
  print("bare protocol", floor);
  std::printf("bus -> accepted beside the bare protocol: ratio of p50 %.2f, of p95 %.2f\n",
              test::quantile(all, 0.5) / test::quantile(floor, 0.5),
              test::quantile(all, 0.95) / test::quantile(floor, 0.95));
}
