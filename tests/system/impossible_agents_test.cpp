// Four programs that never take a message: none of them may ever be acknowledged (spec 2.6).
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
constexpr auto kProof = R"({"proof":{"pattern":"took {id} {nonce}"},"proof_timeout_ms":1500})";
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
