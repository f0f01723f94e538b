// The promise of spec 2 over the whole road, against the real Claude Code: bus, journal, queue, tmux, CLI, model. Every
// message reaches the model exactly once, byte for byte, whether the agent is idle or busy. E2E_MESSAGES sets how many
// (default 36).
#include "base/paths.hpp"
#include "e2e/bodies.hpp"
#include "e2e/offline.hpp"
#include "e2e/received.hpp"
#include "e2e/stub.hpp"

#include <cstdio>
#include <cstdlib>
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

}  // namespace

TEST_CASE("EveryMessageOfTheBusReachesTheModelOnceByteForByte") {
  auto const claude = test::claude_offline();
  Installation home;
  test::Stub stub;
  test::spawn_claude(home, "cc", claude, stub);
  home.wait_for_state("cc", "idle");

  auto const* const wanted = std::getenv("E2E_MESSAGES");
  auto const total = static_cast<std::size_t>(wanted ? std::max(12, std::atoi(wanted)) : 36);
  std::vector<std::pair<std::int64_t, std::string>> sent;
  auto const next_body = [&] { return test::bodies()[sent.size() % test::bodies().size()]; };
  auto const send = [&](std::string const& body, std::vector<std::string> const& more) {
    sent.emplace_back(home.send("cc", body, more), body);
  };
  auto const wait_for_all = [&] {
    for (auto const& [id, body] : sent) {
      auto const is_done = [&, message = id] { return home.delivery_state(message) == "done"; };
      auto const done = Installation::eventually(is_done);
      REQUIRE_MESSAGE(done, body.substr(0, 60), ": ", home.message(id).dump(2), home.good({"screen", "cc"}).out,
                      home.good({"events", "cc"}).out);
    }
  };
  // While idle: each waits for the one before to be done.
  std::vector<std::int64_t> idle;
  while (sent.size() < total / 2) {
    send(next_body(), {"--wait=done", "--timeout", "60s"});
    idle.push_back(sent.back().first);
  }
  // While a tool runs: some wait for the turn's end, some go into the turn.
  while (sent.size() < total) {
    home.send("cc", "[[bash:sleep 1]] [[say:worked]]");
    home.wait_for_state("cc", "busy");
    for (int i = 0; i < 6 && sent.size() < total; ++i)
      send(next_body(), i % 3 == 2 ? std::vector<std::string>{"--urgent"} : std::vector<std::string>{});
    wait_for_all();
  }

  auto const received = test::received_by_model(stub.get("/__prompts"));
  std::size_t once = 0, exact = 0, as_file = 0, acknowledged_early = 0;
  std::vector<double> to_hand, to_accept, all;
  for (auto const& [id, body] : sent) {
    CAPTURE(id);
    CAPTURE(body.substr(0, 60));
    auto const shown = home.message(id);
    auto const steps = steps_of(shown["deliveries"][0]);
    acknowledged_early += steps.at("acknowledged") < steps.at("accepted");
    if (std::ranges::find(idle, id) != idle.end()) {
      to_hand.push_back(steps.at("handed") - steps.at("sent"));
      to_accept.push_back(steps.at("accepted") - steps.at("handed"));
      all.push_back(steps.at("accepted") - steps.at("sent"));
    }
    REQUIRE(received.contains(id));
    auto const& at_model = received.at(id);
    CHECK(at_model.times == 1);
    once += at_model.times == 1;
    auto const file = home.state() / "agents" / "cc" / "messages" / ("message-" + std::to_string(id) + ".txt");
    if (at_model.text == body) {
      ++exact;
    } else if (at_model.text.find(file.string()) != std::string::npos) {
      ++as_file;
      exact += *read_file(file, 10U << 20) == body;
    }
  }
  CHECK(exact == sent.size());
  CHECK(acknowledged_early == 0);
  CHECK_FALSE(std::filesystem::exists(home.work() / "must-not-exist"));
  std::printf(
      "messages %zu: at the model once %zu, byte for byte %zu (inline %zu, as a file %zu), "
      "acknowledged before they were accepted %zu\n",
      sent.size(), once, exact, exact - as_file, as_file, acknowledged_early);
  auto const print = [](char const* what, std::vector<double> const& values) {
    std::printf("idle, %-16s p50 %4.0f ms  p95 %4.0f ms  (N=%zu)\n", what, test::quantile(values, 0.5),
                test::quantile(values, 0.95), values.size());
  };
  print("bus -> handed", to_hand);
  print("handed -> accepted", to_accept);
  print("bus -> accepted", all);
}
