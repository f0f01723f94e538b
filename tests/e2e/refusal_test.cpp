// The black hole with the real CLIs: one agent whose model refuses every request, one that is well, and work that
// either may take. The refused one works on none, the well one does all, and no piece of work fails.
#include "e2e/offline.hpp"
#include "e2e/openai_stub.hpp"
#include "e2e/stub.hpp"
#include "system/installation.hpp"

using ar::json;
using ar::test::Installation;

namespace {

constexpr int kJobs = 12;

void spawn_codex(Installation& home, std::string const& name, std::string const& cli,
                 ar::test::OpenAiStub const& stub) {
  auto const codex_home = home.work() / ("codex-home-" + name);
  stub.configure(codex_home);
  json const options = {{"command", cli}, {"request_retries", 1}, {"stream_retries", 1}};
  home.good({"spawn", name, "--no-wait", "--provider", "codex", "--cwd", home.work().string(), "--approval-mode",
             "full", "--tag", "q", "--env", "CODEX_HOME=" + codex_home.string(), "--options", options.dump()});
}

/// What the limited agent is held for, once it is.
json limited(Installation& home) {
  auto const is_limited = [&] { return home.agent("limited").contains("limited"); };
  REQUIRE_MESSAGE(Installation::eventually(is_limited), home.agent("limited").dump(1),
                  home.run({"events", "limited"}).out);
  return home.agent("limited")["limited"];
}

/// `start_well` starts the other agent, when the limited one has had its chance.
void black_hole(Installation& home, std::string const& kind, std::function<void()> const& start_well) {
  std::vector<std::int64_t> jobs;
  for (int i = 0; i < kJobs; ++i) jobs.push_back(home.send("tag:q", "job " + std::to_string(i), {"--claimable"}));
  auto const own = home.send("limited", "for you alone");
  auto const why = limited(home);
  CHECK_MESSAGE(why["kind"] == kind, why.dump(1));
  start_well();
  for (auto const id : jobs)
    CHECK_MESSAGE(Installation::eventually([&] { return home.message(id)["readBy"] == json::array({"well"}); }),
                  home.message(id).dump(1), home.run({"events", "limited"}).out);
  auto const states = [&](std::int64_t id) {
    json all = json::array();
    auto const shown = home.message(id);
    for (auto const& delivery : shown["deliveries"]) all.push_back(delivery["state"]);
    return all;
  };
  for (auto const id : jobs)
    CHECK_MESSAGE(Installation::eventually([&] { return states(id) == json::array({"done"}); }),
                  home.message(id).dump(1));
  CHECK(home.good({"dead", "--json"}).out.find("\"id\"") == std::string::npos);
  auto const events = home.good({"events", "--json"}).out;
  CHECK(events.find("\"message.failed\"") == std::string::npos);

  // What is for it alone waits, and says for what and until when.
  CHECK(home.delivery_state(own) == "held");
  auto const reason = home.message(own)["deliveries"][0]["reason"].get<std::string>();
  CHECK_MESSAGE(reason.find("the provider refuses work") == 0, reason);
  CHECK_MESSAGE(reason.find("tried again at " + why["until"].get<std::string>()) != std::string::npos, reason);
  auto const shown = home.good({"ps"}).out;
  CHECK_MESSAGE(shown.find("the provider refuses work") != std::string::npos, shown);
}

/// The next daemon knows of it, and asks the model nothing.
void outlasts_the_daemon(Installation& home, ar::test::OpenAiStub const& refusing) {
  auto const before = home.agent("limited")["limited"];
  auto const asked = refusing.get("/__calls");
  home.kill_daemon();
  home.good({"up"});
  home.wait_for_state("limited", "idle");
  home.send("limited", "and for you again");
  auto const after = home.agent("limited")["limited"];
  CHECK(after["kind"] == before["kind"]);
  CHECK(after["since"] == before["since"]);
  CHECK(after["until"].get<std::string>().substr(0, 16) == before["until"].get<std::string>().substr(0, 16));
  CHECK(refusing.get("/__calls") == asked);
}

/// A person says that it may try again, and the model does take work: what waited goes on by itself.
void goes_on(Installation& home) {
  home.good({"restart", "limited"});
  auto const all_done = [&] {
    auto const agent = home.agent("limited");
    return !agent.contains("limited") && agent["queue"] == 0;
  };
  CHECK_MESSAGE(Installation::eventually(all_done), home.agent("limited").dump(1), home.run({"events", "limited"}).out);
  auto const events = home.good({"events", "limited", "--json"}).out;
  CHECK(events.find("\"agent.released\"") != std::string::npos);
}

void with_codex(json const& mode, std::string const& kind) {
  auto const cli = ar::test::codex_offline();
  Installation home;
  ar::test::OpenAiStub refusing, well;
  refusing.post("/__mode", mode);
  spawn_codex(home, "limited", cli, refusing);
  home.wait_for_state("limited", "idle");
  black_hole(home, kind, [&] { spawn_codex(home, "well", cli, well); });
  if (mode.contains("error")) {
    auto const resets_at = home.agent("limited")["limited"]["resetsAt"];
    CHECK_MESSAGE(resets_at.is_string(), home.agent("limited")["limited"].dump(1));
  }
  if (kind != "away") outlasts_the_daemon(home, refusing);
  refusing.post("/__mode", {{"mode", "ok"}});
  if (kind != "login") goes_on(home);
}

void with_claude(int status, std::string const& kind) {
  auto const cli = ar::test::claude_offline();
  Installation home;
  ar::test::Stub refusing, well;
  refusing.post("/__mode", {{"mode", "fail"}, {"status", status}});
  std::vector<std::string> const more{"--tag", "q", "--env", "CLAUDE_CODE_MAX_RETRIES=1"};
  ar::test::spawn_claude(home, "limited", cli, refusing, "full", more);
  home.wait_for_state("limited", "idle");
  black_hole(home, kind, [&] { ar::test::spawn_claude(home, "well", cli, well, "full", more); });
  refusing.post("/__mode", {{"mode", "ok"}});
  if (kind != "login") goes_on(home);
}

}  // namespace

TEST_CASE("ACodexAtItsUsageLimitNeitherBurnsNorAttractsWork") {
  auto const in_three_hours = std::chrono::duration_cast<std::chrono::seconds>(
                                  (std::chrono::system_clock::now() + std::chrono::hours(3)).time_since_epoch())
                                  .count();
  json const error{{"type", "usage_limit_reached"}, {"plan_type", "plus"}, {"resets_at", in_three_hours}};
  with_codex({{"mode", "fail"}, {"status", 429}, {"error", error}}, "limit");
}
TEST_CASE("ACodexWhoseModelIsDownNeitherBurnsNorAttractsWork") {
  with_codex({{"mode", "fail"}, {"status", 503}}, "away");
}
TEST_CASE("ACodexThatIsNotLoggedInNeitherBurnsNorAttractsWork") {
  with_codex({{"mode", "fail"}, {"status", 401}}, "login");
}
TEST_CASE("AClaudeWhoseModelIsOverloadedNeitherBurnsNorAttractsWork") { with_claude(529, "away"); }
TEST_CASE("AClaudeAtItsRateLimitNeitherBurnsNorAttractsWork") { with_claude(429, "limit"); }
TEST_CASE("AClaudeThatIsNotLoggedInNeitherBurnsNorAttractsWork") { with_claude(401, "login"); }
