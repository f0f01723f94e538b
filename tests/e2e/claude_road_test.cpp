// The roads into Claude Code as people see them: over the whole way, from the bus to the model's side, each message
// once, and named by the road that it went. E2E_MESSAGES sets how many of each (default 5).
#include "base/clock.hpp"
#include "e2e/bodies.hpp"
#include "e2e/offline.hpp"
#include "e2e/stub.hpp"
#include "system/http_request.hpp"

#include <cstdio>
#include <cstdlib>

using namespace ar;
using test::Installation;

namespace {

/// From the bus to the proof, in ms.
double accepted_after(json const& delivery) {
  std::int64_t sent = 0, accepted = 0;
  for (auto const& step : delivery["steps"]) {
    auto const at = from_iso8601(step["at"].get<std::string>());
    REQUIRE(at.has_value());
    if (step["step"] == "sent") sent = to_millis(*at);
    if (step["step"] == "accepted") accepted = to_millis(*at);
  }
  REQUIRE(accepted > 0);
  return static_cast<double>(accepted - sent);
}

}  // namespace

TEST_CASE("EachMessageGoesItsRoadAndIsNamedByIt") {
  auto const claude = test::claude_offline();
  Installation home;
  test::Stub const stub;
  auto words = test::claude_options(home, "cc", claude, stub);
  auto options = json::parse(words.back());
  options["road"] = "auto";
  words.back() = options.dump();
  words.insert(words.begin(), {"spawn", "cc", "--no-wait"});
  home.good(words);
  home.wait_for_state("cc", "idle");
  CHECK(home.agent("cc")["road"] == "auto");
  CHECK(home.good({"ps"}).out.find("claude (auto)") != std::string::npos);

  auto const* const wanted = std::getenv("E2E_MESSAGES");
  auto const each = wanted ? std::max(1, std::atoi(wanted)) : 5;
  std::vector<double> typed, written;
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 2 * each; ++i) {
    bool const of_a_program = i % 2 == 1;
    auto const from = of_a_program ? "ci-" + std::to_string(i) : std::string("operator");
    json const message = {{"to", "cc"}, {"body", "a short text"}, {"from", from}};
    auto const sent = test::request(home, "POST", "/v1/messages", message);
    REQUIRE_MESSAGE(sent.status / 100 == 2, sent.body.dump());
    auto const id = sent.body.at("id").get<std::int64_t>();
    REQUIRE(Installation::eventually([&] { return home.delivery_state(id) == "done"; }));
    auto const delivery = home.message(id)["deliveries"][0];
    CHECK_MESSAGE(delivery["road"] == (of_a_program ? "socket" : "terminal"), delivery.dump(1));
    CHECK(home.good({"message", "show", std::to_string(id)}).out.find("road: ") != std::string::npos);
    (of_a_program ? written : typed).push_back(accepted_after(delivery));
    ids.push_back(id);
    home.wait_for_state("cc", "idle");
  }
  auto const prompts = home.run_program("/usr/bin/curl", {"-s", stub.url() + "/__prompts"}, "").out;
  for (auto const id : ids) {
    auto const header = "message " + std::to_string(id) + " ";
    auto const first = prompts.find(header);
    REQUIRE(first != std::string::npos);
    CHECK(prompts.find(header, first + 1) == std::string::npos);
  }
  std::printf("bus to accepted, by turns: socket p50 %.0f ms, p95 %.0f ms; terminal p50 %.0f ms, p95 %.0f ms (N=%zu)\n",
              test::quantile(written, 0.5), test::quantile(written, 0.95), test::quantile(typed, 0.5),
              test::quantile(typed, 0.95), typed.size());
}
