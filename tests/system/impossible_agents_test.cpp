// Four programs that never take a message: none of them may ever be acknowledged.
#include "system/installation.hpp"

using ar::json;
using ar::test::Installation;

namespace {
struct Impossible {
  char const* name;
  char const* script;
};
constexpr Impossible kImpossible[] = {
    {"never-reads", "exec sleep 1000"},
    {"shows-nothing", "stty -echo; while :; do IFS= read -r line || exit; done"},
    {"ignores-enter", "stty -icanon -icrnl; exec cat > /dev/null"},
    {"dies", "IFS= read -r -n 5 x 2>/dev/null || head -c 5 >/dev/null; exit 9"},
};
constexpr auto kProof = R"({"proof":{"pattern":"took {id} {correlation_id}"},"proof_timeout_ms":1500})";
}  // namespace

TEST_CASE("ImpossibleAgentsAreNeverAcknowledged") {
  Installation home;
  for (auto const& agent : kImpossible) {
    CAPTURE(agent.name);
    home.good({"spawn", agent.name, "--provider", "command", "--cwd", home.work().string(), "--options", kProof, "--",
               "sh", "-c", agent.script});
    home.wait_for_state(agent.name, "idle");
  }
  std::vector<std::int64_t> ids;
  for (auto const& agent : kImpossible) ids.push_back(home.send(agent.name, "do you read me?"));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    CAPTURE(kImpossible[i].name);
    CHECK(Installation::eventually([&] {
      auto const state = home.delivery_state(ids[i]);
      return state == "unknown" || state == "held" || state == "queued";
    }));
    auto const shown = home.message(ids[i]);
    CHECK(shown["readBy"].empty());
    auto const& delivery = shown["deliveries"][0];
    CHECK_FALSE(delivery["acknowledged"].get<bool>());
    CHECK_MESSAGE(!delivery.value("reason", "").empty(), delivery.dump(1));
    for (auto const& step : delivery["steps"]) CHECK(step["step"] != "accepted");
  }
}

TEST_CASE("WhatStandsOnAnAgentsScreenIsShownToTheOperatorAndToNoSender") {
  Installation home;
  home.spawn("sender");
  home.good({"spawn", "blind", "--provider", "command", "--cwd", home.work().string(), "--options", kProof, "--", "sh",
             "-c", "echo the PIN is 4711; stty -echo; while :; do IFS= read -r line || exit; done"});
  home.wait_for_state("blind", "idle");
  auto const id = home.send("blind", "do you read me?", {"--from", "sender"});
  CHECK(Installation::eventually([&] { return home.delivery_state(id) == "unknown"; }));
  CHECK(home.message(id)["deliveries"][0].value("screen", "").find("4711") != std::string::npos);
  std::ifstream file(home.state() / "agents" / "sender" / "token.json");
  auto const token = json::parse(file)["token"].get<std::string>();
  auto const socket = (home.state() / "run" / "control.sock").string();
  for (std::string const query : {"", "?wait=accepted&timeoutMs=10"}) {
    auto const path = "http://localhost/v1/messages/" + std::to_string(id) + query;
    auto const shown = home.run_program(
        "/usr/bin/curl", {"-s", "--unix-socket", socket, "-H", "Authorization: Bearer " + token, path}, "");
    CHECK_MESSAGE(shown.out.find("unknown") != std::string::npos, shown.out, shown.err);
    CHECK_MESSAGE(shown.out.find("4711") == std::string::npos, shown.out);
  }
}
