// A reboot with the real CLIs: of three agents each, one is in a turn whose tool has run, one waits for an approval,
// one is suspended. All lose power at once and come back with their sessions; what the models were given is the count.
#include "e2e/offline.hpp"
#include "e2e/openai_stub.hpp"
#include "e2e/received.hpp"
#include "e2e/stub.hpp"
#include "system/power_loss.hpp"

#include <functional>
#include <memory>

using ar::json;
using namespace ar::test;

namespace {

/// One agent and the model that it alone talks to.
struct Seat {
  std::string name;
  std::function<json()> prompts;
  std::function<void(json const&)> set_mode;
  std::string turn{};    ///< the message that brings it to where the power goes
  std::string effect{};  ///< the file that its tool writes
  std::int64_t message = 0;
};

Seat claude_seat(Installation& home, std::string const& name, std::string const& mode) {
  auto const stub = std::make_shared<Stub>();
  spawn_claude(home, name, claude_offline(), *stub, mode);
  home.wait_for_state(name, "idle");
  return {name, [stub] { return stub->get("/__prompts"); }, [stub](json const& to) { stub->post("/__mode", to); }};
}

Seat codex_seat(Installation& home, std::string const& name, std::string const& mode) {
  auto const stub = std::make_shared<OpenAiStub>();
  auto const codex_home = home.work() / ("codex-" + name);
  stub->configure(codex_home);
  json const options = {{"command", codex_offline()}};
  home.good({"spawn", name, "--no-wait", "--provider", "codex", "--cwd", home.work().string(), "--approval-mode", mode,
             "--env", "CODEX_HOME=" + codex_home.string(), "--options", options.dump()});
  home.wait_for_state(name, "idle");
  return {name, [stub] { return stub->get("/__latest"); }, [stub](json const& to) { stub->post("/__mode", to); }};
}

int times_told(Seat const& seat) {
  auto const all = seat.prompts().dump();
  int times = 0;
  std::string const note = "your process ended in the middle of a turn";
  for (auto at = all.find(note); at != std::string::npos; at = all.find(note, at + 1)) ++times;
  return times;
}

}  // namespace

TEST_CASE("ClaudeAndCodexComeBackAfterARebootAndNothingIsLostOrDoneTwice") {
  (void)claude_offline();
  (void)codex_offline();
  Installation home;
  std::vector<Seat> seats{claude_seat(home, "c-works", "full"),  claude_seat(home, "c-asks", "guarded"),
                          claude_seat(home, "c-rests", "full"),  codex_seat(home, "x-works", "full"),
                          codex_seat(home, "x-asks", "guarded"), codex_seat(home, "x-rests", "full")};
  auto const works = [](Seat const& seat) { return seat.name.ends_with("works"); };
  auto const rests = [](Seat const& seat) { return seat.name.ends_with("rests"); };
  std::map<std::string, std::string> sessions;
  for (auto& seat : seats) {
    home.send(seat.name, "the first", {"--wait=done", "--timeout", "60s"});
    sessions[seat.name] = home.agent(seat.name)["providerSession"];
    if (rests(seat)) {
      home.good({"suspend", seat.name});
      home.wait_for_state(seat.name, "suspended");
      continue;
    }
    seat.effect = (home.work() / ("effect-" + seat.name)).string();
    auto const does = "echo done >> " + seat.effect;
    auto const begins = [&](char const* tool, std::string const& command) {
      return "[[" + std::string(tool) + ":" + command + "]]";
    };
    bool const is_claude = seat.name.starts_with("c");
    seat.turn = works(seat) ? begins(is_claude ? "bash" : "exec", does + "; sleep 600")
                            : begins(is_claude ? "bash" : "esc", does);
    seat.message = home.send(seat.name, seat.turn);
    if (works(seat))
      REQUIRE_MESSAGE(Installation::eventually([&] { return !file_text(seat.effect).empty(); }), seat.name,
                      home.good({"screen", seat.name}).out);
    else
      REQUIRE_MESSAGE(Installation::eventually([&] { return home.agent(seat.name).contains("approvals"); }), seat.name,
                      home.good({"screen", seat.name}).out);
  }
  std::map<std::string, std::int64_t> later;
  for (auto const& seat : seats)
    if (!rests(seat)) later[seat.name] = home.send(seat.name, "what waited");

  lose_power(home);
  pretend_another_boot(home);
  // From here on the models do nothing of what stands in the conversation: it is the CLIs that must not.
  for (auto const& seat : seats) seat.set_mode({{"mode", "plain"}});
  home.good({"up"});
  auto report = json::object();
  for (int tries = 0; tries < 4 && report.value("state", "") != "recovered"; ++tries)
    (void)Installation::eventually([&] {
      report = recovery(home);
      return report["state"] == "recovered";
    });
  REQUIRE_MESSAGE(report["state"] == "recovered", report.dump(1));
  MESSAGE(home.good({"events", "--since-boot"}).out);
  CAPTURE(report.dump(1));
  auto const& counts = report["counts"];
  CHECK(report["cause"] == "reboot");
  CHECK(counts["back"] == 4);
  CHECK(counts["suspended"] == 2);
  CHECK(counts["turnsCutOff"] == 4);
  CHECK(counts["approvalsWithdrawn"] == 2);
  CHECK(counts["messages"]["interrupted"] == 4);
  CHECK(counts["messages"]["proved"] == 4);
  CHECK(counts["messages"]["unknown"] == 0);
  CHECK(counts["messages"]["again"] == 0);
  for (auto const& [name, id] : later)
    CHECK_MESSAGE(Installation::eventually([&, of = id] { return home.delivery_state(of) == "done"; }), name, " ",
                  home.message(id).dump(1), home.good({"screen", name}).out);
  for (auto const& seat : seats) {
    CAPTURE(seat.name);
    auto const after = home.send(seat.name, "after it all", {"--wait=done", "--timeout", "60s"});
    CHECK(home.delivery_state(after) == "done");
    CHECK(home.agent(seat.name)["providerSession"] == sessions[seat.name]);
    auto const received = received_by_model(seat.prompts());
    CHECK(received.at(after).times == 1);
    CHECK(times_told(seat) == (rests(seat) ? 0 : 1));
    if (rests(seat)) continue;
    CHECK(received.at(seat.message).times == 1);
    CHECK(received.at(later.at(seat.name)).times == 1);
    CHECK(file_text(seat.effect) == (works(seat) ? "done\n" : ""));
  }
}
