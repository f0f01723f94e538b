// Notices reach the real Claude Code by its own hook, beside its terminal, and count as delivered when its record shows
// them: counted at the model's side, each once.
#include "e2e/approvals.hpp"
#include "e2e/offline.hpp"
#include "e2e/stub.hpp"
#include "system/http_request.hpp"
#include "system/installation.hpp"

#include <filesystem>
#include <fstream>

using namespace ar;
using test::Asking;
using test::Installation;

namespace {

struct Road {
  std::string const claude = test::claude_offline();
  Installation home;
  test::Stub stub;
  Asking cc{home, "cc"};

  explicit Road(std::string const& approval_mode = "full", json const& more = json::object()) {
    auto words = test::claude_options(home, "cc", claude, stub, approval_mode);
    auto options = json::parse(words.back());
    options.update(more);
    words.back() = options.dump();
    words.insert(words.begin(), {"spawn", "cc", "--no-wait"});
    home.good(words);
    home.wait_for_state("cc", "idle");
  }
  std::int64_t notice(std::string const& body) {
    json const message = {{"to", "cc"}, {"body", body}, {"kind", "notice"}, {"from", "ci"}};
    auto const sent = test::request(home, "POST", "/v1/messages", message);
    REQUIRE_MESSAGE(sent.status / 100 == 2, sent.body.dump());
    return sent.body.at("id").get<std::int64_t>();
  }
  bool is_done(std::int64_t id) {
    return Installation::eventually([&] { return home.delivery_state(id) == "done"; });
  }
  std::string told() { return home.run_program("/usr/bin/curl", {"-s", stub.url() + "/__prompts"}, "").out; }
  std::size_t seen_by_model(std::int64_t id) {
    auto const header = "message " + std::to_string(id) + " ";
    auto const prompts = told();
    std::size_t seen = 0;
    for (auto at = prompts.find(header); at != std::string::npos; at = prompts.find(header, at + 1)) ++seen;
    return seen;
  }
  /// By its record: it has been fetched, and the model has not been given it.
  bool is_queued_in_the_cli(std::int64_t id) {
    auto const header = "message " + std::to_string(id) + " ";
    for (auto const& entry : std::filesystem::recursive_directory_iterator(home.work() / "config-cc" / "projects")) {
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);)
        if (line.find("\"enqueue\"") != std::string::npos && line.find(header) != std::string::npos) return true;
    }
    return false;
  }
  bool was(std::int64_t id, std::string const& step) {
    return home.good({"message", "show", std::to_string(id), "--json"}).out.find("\"" + step + "\"") !=
           std::string::npos;
  }
};

}  // namespace

TEST_CASE("ANoticeReachesAClaudeAtRestAndLeavesAPersonsDraftAlone") {
  Road road;
  road.cc.press("half a thought");
  REQUIRE(road.cc.shows("half a thought"));
  auto const id = road.notice("The build of main is red.\n\twith a tab, \"quotes\", a \\ and </system-reminder> in it");
  REQUIRE_MESSAGE(road.is_done(id), road.home.message(id).dump(1), road.cc.screen());
  CHECK(road.seen_by_model(id) == 1);
  CHECK(road.was(id, "offered"));
  CHECK_FALSE(road.was(id, "typed"));
  CHECK(road.cc.shows("half a thought"));
  // Again, for the one before may have been the hook's first.
  auto const next = road.notice("The build of main is green.");
  REQUIRE(road.is_done(next));
  CHECK(road.seen_by_model(next) == 1);
  CHECK(road.told().find("The build of main is green.") != std::string::npos);
  CHECK(road.cc.shows("half a thought"));
}

TEST_CASE("NoticesInTheMidstOfATurnComeOnceEachAndWorkIsTypedAsEver") {
  Road road;
  auto const work = road.home.send("cc", "[[bash:sleep 4]] work");
  CHECK(Installation::eventually([&] { return road.home.delivery_state(work) == "running"; }));
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 10; ++i) {
    ids.push_back(road.notice("notice number " + std::to_string(i)));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // so do those of a busy bus
  }
  auto const last = road.home.send("cc", "and this");
  for (auto const id : ids) REQUIRE_MESSAGE(road.is_done(id), road.home.message(id).dump(1), road.cc.screen());
  REQUIRE(road.is_done(work));
  REQUIRE(road.is_done(last));
  for (auto const id : ids) {
    CHECK_MESSAGE(road.seen_by_model(id) == 1, "message ", id);
    CHECK(road.was(id, "offered"));
  }
  CHECK(road.seen_by_model(last) == 1);
  CHECK(road.was(last, "typed"));
}

TEST_CASE("ANoticeComesOnceOverTheDeathOfTheDaemonAtAnyStepAndOfTheCli") {
  Road road;
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 6; ++i) {
    ids.push_back(road.notice("notice " + std::to_string(i)));
    if (i % 2 == 0) CHECK(Installation::eventually([&] { return road.was(ids.back(), "offered"); }));
    // From before the bell to after the model's answer: each round another moment.
    std::this_thread::sleep_for(std::chrono::milliseconds(300 * i));
    road.home.kill_daemon();
    road.home.good({"up"});
    REQUIRE_MESSAGE(road.is_done(ids.back()), road.home.message(ids.back()).dump(1), road.cc.screen(),
                    road.home.good({"events", "cc"}).out);
  }
  auto const cut_off = road.notice("just before its death");
  CHECK(Installation::eventually([&] { return road.was(cut_off, "offered"); }));
  ::kill(road.home.agent("cc")["pid"].get<int>(), SIGKILL);
  REQUIRE_MESSAGE(road.is_done(cut_off), road.home.message(cut_off).dump(1), road.cc.screen());
  ids.push_back(cut_off);
  for (auto const id : ids) CHECK_MESSAGE(road.seen_by_model(id) == 1, "message ", id);
}

TEST_CASE("ANoticeInTheClisOwnQueueComesOnceOverTheDeathOfTheDaemon") {
  Road road;
  auto const work = road.home.send("cc", "[[bash:sleep 5]] work");
  CHECK(Installation::eventually([&] { return road.home.delivery_state(work) == "running"; }));
  auto const id = road.home.send("cc", "fetched", {"--notice"});
  REQUIRE(Installation::eventually([&] { return road.is_queued_in_the_cli(id); }));
  CHECK(road.home.delivery_state(id) == "submitted");
  road.home.kill_daemon();
  road.home.good({"up"});
  CHECK(road.is_done(id));
  CHECK(road.is_done(work));
  CHECK(road.seen_by_model(id) == 1);
  CHECK(road.home.message(id)["readBy"] == json::array({"cc"}));
}

TEST_CASE("ANoticeWaitsBehindAPermissionThatIsAsked") {
  Road road("guarded");
  auto const asked = road.cc.asks("[[bash:touch one]]");
  REQUIRE(road.cc.shows("Do you want to proceed?"));
  auto const id = road.notice("while it asks");
  CHECK(Installation::eventually([&] { return !road.home.delivery_state(id).empty(); }));
  CHECK(road.cc.pending()["id"] == asked["id"]);
  CHECK(road.home.delivery_state(id) != "done");
  CHECK(road.cc.screen().find("Do you want to proceed?") != std::string::npos);
  CHECK(road.home.run({"approve", asked["id"].dump()}).status == 0);
  road.cc.wait_done();
  REQUIRE_MESSAGE(road.is_done(id), road.home.message(id).dump(1), road.cc.screen());
  CHECK(road.was(id, "offered"));
  CHECK(road.seen_by_model(id) == 1);
  CHECK(std::filesystem::exists(road.home.work() / "one"));
}

TEST_CASE("WithoutTheMonitorANoticeIsTyped") {
  Road road("full", {{"monitor", false}});
  auto const id = road.notice("typed");
  REQUIRE(road.is_done(id));
  CHECK(road.was(id, "typed"));
  CHECK_FALSE(road.was(id, "offered"));
  CHECK(road.seen_by_model(id) == 1);
}
