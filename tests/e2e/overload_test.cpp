// The model's service overloaded, failing, out of reach or silent, with the real CLIs: what their senders hear, and
// that no tool runs twice. A storm lasts for seconds; E2E_STORM_S has it last for longer.
#include "e2e/offline.hpp"
#include "e2e/openai_stub.hpp"
#include "e2e/stub.hpp"
#include "support/file_text.hpp"
#include "system/installation.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>

using ar::json;
using ar::test::Installation;
using namespace std::chrono_literals;

namespace {

std::chrono::seconds storm() {
  char const* const seconds = std::getenv("E2E_STORM_S");
  return std::chrono::seconds(seconds ? std::atoi(seconds) : 8);
}

/// One agent of a real CLI, whose model is a stub.
class Lab {
 public:
  /// `retries`: of the CLI itself.
  Lab(std::string const& provider, std::string const& config, int retries) : is_claude_(provider == "claude") {
    auto const cli = is_claude_ ? ar::test::claude_offline() : ar::test::codex_offline();
    std::filesystem::create_directories(home.state());
    std::ofstream(home.state() / "config.toml") << config;
    if (is_claude_) {
      auto stub = std::make_unique<ar::test::Stub>();
      ar::test::spawn_claude(home, "one", cli, *stub, "full",
                             {"--env", "CLAUDE_CODE_MAX_RETRIES=" + std::to_string(retries)});
      stub_ = std::move(stub);
    } else {
      auto stub = std::make_unique<ar::test::OpenAiStub>();
      auto const codex_home = home.work() / "codex-home";
      stub->configure(codex_home);
      json const options = {{"command", cli}, {"request_retries", retries}, {"stream_retries", retries}};
      home.good({"spawn", "one", "--no-wait", "--provider", "codex", "--cwd", home.work().string(), "--approval-mode",
                 "full", "--env", "CODEX_HOME=" + codex_home.string(), "--options", options.dump()});
      stub_ = std::move(stub);
    }
    home.wait_for_state("one", "idle");
  }

  void fail(int status) { stub_->post("/__mode", {{"mode", "fail"}, {"status", status}}); }
  void be_well() { stub_->post("/__mode", {{"mode", "ok"}}); }
  void be_silent() {
    stub_->post("/__mode", is_claude_ ? json{{"mode", "hang"}} : json{{"mode", "ok"}, {"delay", 600'000}});
  }
  void go_away() { stub_.reset(); }

  /// A message whose turn runs this command.
  std::int64_t send_command(std::string const& command) {
    return home.send("one", "[[" + std::string(is_claude_ ? "bash:" : "exec:") + command + "]]");
  }
  json delivery(std::int64_t id) { return home.message(id)["deliveries"][0]; }
  bool ends_as(std::int64_t id, std::string const& state, std::chrono::seconds patience = 60s) {
    auto const deadline = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < deadline)
      if (Installation::eventually([&] { return home.delivery_state(id) == state; })) return true;
    return false;
  }
  std::vector<json> events(std::string const& type) {
    std::vector<json> found;
    for (auto const& line : Installation::lines(home.good({"events", "one", "-n", "1000", "--json"}).out))
      if (auto event = json::parse(line); event["type"] == type) found.push_back(std::move(event["data"]));
    return found;
  }
  std::string all() {
    return home.agent("one").dump(1) + home.run({"events", "one", "-n", "100"}).out + home.run({"screen", "one"}).out;
  }
  /// What the tools have left behind: one line for each call.
  std::filesystem::path trace() const { return home.work() / "trace"; }
  std::vector<std::string> traces() { return Installation::lines(ar::test::file_text(trace())); }

  Installation home;

 private:
  bool const is_claude_;
  std::unique_ptr<ar::test::StubApi> stub_;
};

constexpr char kSoon[] = "[delivery]\nretry_failed = { max = 1000, backoff = \"1s\" }\n";

/// Everything waits, is done when it is over, and each tool has run once.
void storm_passes(std::string const& provider, int status) {
  Lab lab(provider, kSoon, 1);
  lab.fail(status);
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 3; ++i)
    ids.push_back(lab.send_command("echo " + std::to_string(i) + " >> " + lab.trace().string()));
  REQUIRE_MESSAGE(Installation::eventually([&] { return lab.home.agent("one").contains("limited"); }), lab.all());
  CHECK(lab.home.agent("one")["limited"]["kind"] == "away");
  std::this_thread::sleep_for(storm());
  CHECK(lab.traces().empty());
  lab.be_well();
  for (auto const id : ids)
    CHECK_MESSAGE(lab.ends_as(id, "done", 2 * storm() + 60s), lab.home.message(id).dump(1), lab.all());
  CHECK(lab.traces() == std::vector<std::string>{"0", "1", "2"});
  CHECK(lab.delivery(ids[0])["retries"] >= 1);
  CHECK(lab.events("message.failed").empty());
}

/// The tool has run when the service fails.
void asks_where_a_tool_had_run(std::string const& provider, bool goes_on) {
  Lab lab(provider, kSoon, 1);
  auto const id = lab.send_command("echo once >> " + lab.trace().string() + "; sleep 3");
  REQUIRE_MESSAGE(Installation::eventually([&] { return lab.traces().size() == 1; }), lab.all());
  lab.fail(529);
  auto const asked = [&] { return lab.home.agent("one").value("approvals", json::array()).size() == 1; };
  REQUIRE_MESSAGE(Installation::eventually(asked), lab.all());
  CHECK(lab.home.delivery_state(id) == "running");
  lab.home.kill_daemon();
  lab.home.good({"up"});
  lab.home.wait_for_state("one", "idle");
  REQUIRE_MESSAGE(Installation::eventually(asked), lab.all());
  auto const approval = lab.home.agent("one")["approvals"][0];
  CHECK_MESSAGE(approval.dump().find("was cut off by its model's service") != std::string::npos, approval.dump());
  auto const number = approval["id"].dump();
  if (goes_on) {
    lab.be_well();
    lab.home.good({"approve", number});
    CHECK_MESSAGE(lab.ends_as(id, "done"), lab.home.message(id).dump(1), lab.all());
  } else {
    lab.home.good({"deny", number});
    CHECK_MESSAGE(lab.ends_as(id, "failed"), lab.home.message(id).dump(1), lab.all());
    CHECK_MESSAGE(lab.delivery(id)["code"] == "overloaded", lab.delivery(id).dump(1));
  }
  CHECK(lab.traces() == std::vector<std::string>{"once"});
}

/// What the CLI does by itself is shown while it lasts, and then the sender hears what it was.
void gives_up_and_says_what_it_was(std::string const& provider) {
  Lab lab(provider, "[delivery]\nretry_failed = { kinds = [] }\n", 4);
  lab.fail(529);
  auto const id = lab.send_command("echo never >> " + lab.trace().string());
  auto const second_attempt = [&] {
    return lab.home.agent("one").value("retrying", json::object()).value("attempt", 0) >= 2;
  };
  REQUIRE_MESSAGE(Installation::eventually(second_attempt), lab.all());
  auto const shown = lab.home.good({"ps"}).out;
  CHECK_MESSAGE(shown.find("; attempt ") != std::string::npos, shown);
  CHECK(lab.home.agent("one")["retrying"]["most"] == 4);
  CHECK_MESSAGE(lab.ends_as(id, "failed"), lab.all());
  CHECK_FALSE(lab.home.agent("one").contains("retrying"));
  auto const code = lab.delivery(id)["code"].get<std::string>();
  CHECK_MESSAGE(code == "overloaded", lab.delivery(id).dump(1));
  CHECK(lab.delivery(id)["reason"].get<std::string>().starts_with("failed: " + code + ": "));
  CHECK(lab.events("provider.retrying").size() == 1);
  CHECK(lab.events("provider.retried").size() == 1);
  CHECK(lab.traces().empty());
}

void hears_that_the_network_is_away(std::string const& provider) {
  Lab lab(provider, "[delivery]\nretry_failed = { max = 1, backoff = \"1s\" }\n", 1);
  lab.go_away();
  auto const id = lab.home.send("one", "hello");
  CHECK_MESSAGE(lab.ends_as(id, "failed"), lab.home.message(id).dump(1), lab.all());
  CHECK_MESSAGE(lab.delivery(id)["code"] == "network", lab.delivery(id).dump(1));
  CHECK(lab.delivery(id)["retries"] == 1);
}

void a_silent_model_is_a_stall(std::string const& provider) {
  Lab lab(provider, "[agents]\nstall_s = 5\nat_stall = \"interrupt\"\n", 1);
  lab.be_silent();
  auto const id = lab.home.send("one", "hello");
  auto const stalled = [&] { return lab.events("agent.stalled").size() == 1; };
  REQUIRE_MESSAGE((Installation::eventually(stalled) || Installation::eventually(stalled)), lab.all());
  auto const told = lab.events("agent.stalled")[0];
  CHECK(told["silentMs"] >= 5000);
  CHECK_MESSAGE(!told["lastLines"].empty(), told.dump(1));
  CHECK_MESSAGE(lab.ends_as(id, "failed"), lab.home.message(id).dump(1), lab.all());
  CHECK(lab.delivery(id)["code"] == "stalled");
  CHECK(lab.delivery(id)["reason"].get<std::string>().starts_with("interrupted: stalled: no sign of life for "));
  lab.be_well();
  lab.home.wait_for_state("one", "idle");
  CHECK(lab.events("agent.moving").size() == 1);
  auto const next = lab.home.send("one", "and now");
  CHECK_MESSAGE(lab.ends_as(next, "done"), lab.all());
}

void a_tool_that_works_is_no_stall(std::string const& provider) {
  Lab lab(provider, "[agents]\nstall_s = 4\nat_stall = \"interrupt\"\n", 1);
  auto const id = lab.send_command("timeout 9 sh -c 'while :; do :; done'; echo over >> " + lab.trace().string());
  CHECK_MESSAGE(lab.ends_as(id, "done"), lab.home.message(id).dump(1), lab.all());
  CHECK(lab.events("agent.stalled").empty());
  CHECK(lab.traces() == std::vector<std::string>{"over"});
}

}  // namespace

TEST_CASE("AClaudeWorksOnEverythingOnceAfterAStormOf529") { storm_passes("claude", 529); }
TEST_CASE("AClaudeWorksOnEverythingOnceAfterAStormOf500") { storm_passes("claude", 500); }
TEST_CASE("ACodexWorksOnEverythingOnceAfterAStormOf529") { storm_passes("codex", 529); }
TEST_CASE("ACodexWorksOnEverythingOnceAfterAStormOf500") { storm_passes("codex", 500); }
TEST_CASE("AClaudeWhoseToolHadRunGoesOnWhenAPersonSaysSo") { asks_where_a_tool_had_run("claude", true); }
TEST_CASE("AClaudeWhoseToolHadRunFailsWhenAPersonSaysSo") { asks_where_a_tool_had_run("claude", false); }
TEST_CASE("ACodexWhoseToolHadRunGoesOnWhenAPersonSaysSo") { asks_where_a_tool_had_run("codex", true); }
TEST_CASE("ACodexWhoseToolHadRunFailsWhenAPersonSaysSo") { asks_where_a_tool_had_run("codex", false); }
TEST_CASE("TheRetriesOfClaudeAreShownAndThenItsSenderIsTold") { gives_up_and_says_what_it_was("claude"); }
TEST_CASE("TheRetriesOfCodexAreShownAndThenItsSenderIsTold") { gives_up_and_says_what_it_was("codex"); }
TEST_CASE("TheSenderToAClaudeHearsThatTheNetworkIsAway") { hears_that_the_network_is_away("claude"); }
TEST_CASE("TheSenderToACodexHearsThatTheNetworkIsAway") { hears_that_the_network_is_away("codex"); }
TEST_CASE("AClaudeWhoseModelIsSilentIsToldToStallAndInterrupted") { a_silent_model_is_a_stall("claude"); }
TEST_CASE("ACodexWhoseModelIsSilentIsToldToStallAndInterrupted") { a_silent_model_is_a_stall("codex"); }
TEST_CASE("AClaudeWhoseToolWorksDoesNotStall") { a_tool_that_works_is_no_stall("claude"); }
TEST_CASE("ACodexWhoseToolWorksDoesNotStall") { a_tool_that_works_is_no_stall("codex"); }
