// What agents make, with the real daemon: captured, listed, given out, archived, over kills and with hostile folders.
#include "support/file_text.hpp"
#include "system/http_request.hpp"
#include "system/installation.hpp"

#include <algorithm>
#include <fstream>
#include <sys/stat.h>

using ar::json;
using ar::test::file_text;
using ar::test::Installation;
using ar::test::request;
namespace fs = std::filesystem;

namespace {

/// Carries out what it is sent, as a line of a shell.
constexpr auto kMaker =
    "stty -echo; while IFS= read -r line; do n=${line#*runner }; echo took ${n%% *}; body=${line#*] }; "
    "eval \"${body% \\[end*}\"; echo answered; done";
json const kTurns = {{"proof", {{"pattern", "took {correlation_id}"}}}, {"turn_end", {{"pattern", "^answered"}}}};

struct Maker {
  Installation home;
  fs::path out = home.work() / "out";

  void spawn(std::vector<std::string> const& more = {"--output-dir", "out"}) {
    std::vector<std::string> words{"--options", kTurns.dump()};
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), {"--", "sh", "-c", kMaker});
    home.spawn("maker", words);
  }
  std::int64_t begin(std::string const& command) {
    auto const message = home.send("maker", command);
    REQUIRE(Installation::eventually([&] { return home.delivery_state(message) == "running"; }));
    return message;
  }
  void has(std::string const& command) {
    auto const message = home.send("maker", command);
    auto const done = Installation::eventually([&] { return home.delivery_state(message) == "done"; });
    REQUIRE_MESSAGE(done, home.message(message).dump());
  }
  json list(std::string const& query = "") {
    auto const answer = request(home, "GET", "/v1/sessions/maker/outputs" + query);
    REQUIRE_MESSAGE(answer.status == 200, answer.body.dump());
    return answer.body;
  }
  json named(std::string const& name) {
    auto const all = list();
    for (auto const& one : all["outputs"])
      if (one["name"] == name) return one;
    return nullptr;
  }
  fs::path archive() {
    auto const file = home.work() / ("archive-" + std::to_string(++archives_) + ".zip");
    home.good({"download", "maker", "--out", file.string()});
    auto const tested = home.run_program("/usr/bin/unzip", {"-tqq", file.string()}, "");
    CHECK_MESSAGE(tested.status == 0, tested.out, tested.err);
    return file;
  }
  std::string in(fs::path const& archive, std::string const& name) {
    return home.run_program("/usr/bin/unzip", {"-p", archive.string(), name}, "").out;
  }
  json manifest(fs::path const& archive) { return json::parse(in(archive, "manifest.json")); }
  fs::path store() const { return home.state() / "agents" / "maker" / "outputs"; }

 private:
  int archives_ = 0;
};

std::vector<std::string> sorted(json const& rows, char const* field) {
  std::vector<std::string> all;
  for (auto const& row : rows) all.push_back(row[field]);
  std::ranges::sort(all);
  return all;
}

json why(json const& missing) {
  json all = json::object();
  for (auto const& one : missing) all[fs::path(one["path"].get<std::string>()).filename().string()] = one["reason"];
  return all;
}

/// In KiB.
std::int64_t peak_memory(pid_t pid) {
  auto const status = file_text("/proc/" + std::to_string(pid) + "/status");
  return std::atoll(status.c_str() + status.find("VmHWM:") + 6);
}

}  // namespace

TEST_CASE("WhatAnAgentMakesIsKeptListedAndGivenOut") {
  Maker maker;
  auto& home = maker.home;
  maker.spawn();
  CHECK(maker.list()["outputs"].empty());
  CHECK(request(home, "GET", "/v1/sessions/maker/archive").body["code"] == "run_not_started");
  CHECK(home.run({"download", "maker", "--out", (home.work() / "none.zip").string()}).status == 4);
  CHECK_FALSE(fs::exists(home.work() / "none.zip"));

  maker.has("mkdir -p out/sub; printf one >out/a.txt; printf two >out/sub/a.txt; printf PNG >out/plan.png");
  auto const listed = maker.list();
  CHECK(sorted(listed["outputs"], "name") == std::vector<std::string>{"a.txt", "plan.png", "sub/a.txt"});
  CHECK(listed["missing"].empty());
  CHECK(sorted(maker.list("?name=*.txt")["outputs"], "name") == std::vector<std::string>{"a.txt", "sub/a.txt"});
  CHECK(sorted(maker.list("?type=image/*")["outputs"], "name") == std::vector<std::string>{"plan.png"});
  CHECK(sorted(maker.list("?name=?lan.p*g")["outputs"], "name") == std::vector<std::string>{"plan.png"});
  CHECK(maker.list("?since=2100-01-01T00:00:00.000Z")["outputs"].empty());
  auto const page = maker.list("?limit=2");
  CHECK(page["outputs"].size() == 2);
  CHECK(maker.list("?limit=2&cursor=" + page["nextCursor"].dump())["outputs"].size() == 1);

  auto const row = maker.named("sub/a.txt");
  CHECK(row["byteSize"] == 3);
  CHECK(row["turnSeq"] == 0);
  CHECK(row["contentType"] == "text/plain");
  CHECK(row["path"] == (maker.out / "sub" / "a.txt").string());
  auto const path = "/v1/sessions/maker/outputs/" + row["id"].get<std::string>();
  CHECK(ar::test::curl(home, "GET", path, {}, nullptr) == "two");
  auto const head = request(home, "HEAD", path, nullptr, {"Connection: close"}).head;
  CHECK(head.find("filename=\"a.txt\"") != std::string::npos);
  CHECK(request(home, "GET", "/v1/sessions/maker").body["retainedStorageBytes"] == 9);

  home.kill_daemon();
  home.good({"up"});
  CHECK(ar::test::curl(home, "GET", path, {}, nullptr) == "two");
  maker.has("printf other >out/sub/a.txt; rm out/plan.png");
  CHECK(request(home, "GET", path).body["code"] == "unknown_output");
  CHECK(maker.named("sub/a.txt")["turnSeq"] == 1);
  CHECK_FALSE(maker.named("plan.png")["goneAt"].is_null());
  CHECK(home.good({"outputs", "maker", "--name", "*.png"}).out.find("plan.png") != std::string::npos);
  CHECK(Installation::lines(home.good({"outputs", "maker", "--json"}).out).size() == 3);
  auto const told = home.good({"events", "maker", "--json", "--from", "0"}).out;
  CHECK(told.find("output.captured") != std::string::npos);

  CHECK(request(home, "GET", "/v1/agents/maker").body["outputDirs"][0] == maker.out.string());
  home.good({"stop", "maker"});
  home.good({"rm", "maker"});
  CHECK_FALSE(fs::exists(maker.store()));
  CHECK(home.run({"outputs", "maker"}).status == 3);
}

TEST_CASE("AnArchiveHasTheRunItsEventsAndItsOutputs") {
  Maker maker;
  auto& home = maker.home;
  maker.spawn({"--output-dir", "out", "--output-dir", "more"});
  maker.has("mkdir -p out more; printf one >out/a.txt; printf two >more/a.txt; printf '' >out/empty");
  auto const file = maker.archive();
  auto const manifest = maker.manifest(file);
  CHECK(manifest["source"] == "captured");
  CHECK(manifest["partial"] == false);
  CHECK(manifest["missing"].empty());
  REQUIRE(manifest["outputs"].size() == 3);
  std::string second;
  for (auto const& one : manifest["outputs"]) {
    auto const name = one["path"].get<std::string>();
    json row = {{"id", one["id"]}, {"path", name}, {"byteSize", one["byteSize"]}};
    if (name.ends_with(".txt")) row["contentType"] = "text/plain";
    CHECK(one == row);  // and nothing of the file itself
    CHECK(static_cast<std::int64_t>(maker.in(file, name).size()) == one["byteSize"]);
    if (name.starts_with("outputs/a-")) second = one["id"];
  }
  CHECK(maker.in(file, "outputs/a-" + second.substr(0, 8) + ".txt").size() == 3);
  auto const run = json::parse(maker.in(file, "run.json"));
  CHECK(run["runId"] == "maker");
  CHECK(run["session"]["retainedStorageBytes"] == 6);
  CHECK(run["turns"].size() == 1);
  CHECK(run["turns"][0]["outcome"] == "completed");
  std::vector<std::string> types;
  for (auto const& line : Installation::lines(maker.in(file, "events.jsonl")))
    types.push_back(json::parse(line)["type"]);
  CHECK(types.front() == "agent.created");
  CHECK(std::ranges::find(types, "output.captured") != types.end());
  CHECK(home.run({"download", "maker", "--out", file.string()}).status != 0);  // it is not replaced
  CHECK(maker.manifest(file) == manifest);
}

TEST_CASE("ASessionWithoutOutputFoldersHasAnArchiveWithoutOutputs") {
  Maker maker;
  maker.spawn({});
  maker.has("mkdir -p out; printf one >out/a.txt");
  auto const file = maker.archive();
  CHECK(maker.manifest(file)["outputs"].empty());
  CHECK(maker.manifest(file)["partial"] == false);
  CHECK(maker.home.run_program("/usr/bin/unzip", {"-l", file.string()}, "").out.find(" outputs/\n") !=
        std::string::npos);
}

TEST_CASE("FoldersThatLeadAstrayGiveNothingAway") {
  Maker maker;
  auto& home = maker.home;
  std::ofstream(home.state().parent_path() / "secret") << "very secret";
  std::vector<std::string> const dirs{"--output-dir", "out", "--output-dir", "gone", "--output-dir", "turned"};
  maker.spawn(dirs);
  auto const secret = (home.state().parent_path() / "secret").string();
  maker.has("mkdir -p out; printf good >out/good.txt; ln -s " + secret +
            " out/link; ln -s / out/root; mkfifo out/pipe; ln -s " + home.state().string() + " turned");
  auto const listed = maker.list();
  CHECK(sorted(listed["outputs"], "name") == std::vector<std::string>{"good.txt"});
  auto const reasons = why(listed["missing"]);
  CHECK(reasons == json{{"link", "not_regular"},
                        {"root", "not_regular"},
                        {"pipe", "not_regular"},
                        {"gone", "dir_missing"},
                        {"turned", "not_regular"}});
  auto const file = maker.archive();
  CHECK(why(maker.manifest(file)["missing"]) == reasons);
  // A file that becomes a link between two captures, and a folder on the way.
  maker.has("rm -r out/*; mkdir out/in; printf x >out/in/operator-token");
  maker.has("rm -r out/in; ln -s " + home.state().string() + " out/in");
  auto const after = maker.list();
  for (auto const& one : after["outputs"]) CHECK(one["byteSize"].get<int>() <= 4);
  auto const outside = request(home, "POST", "/v1/sessions",
                               {{"provider", "command"}, {"cwd", home.work().string()}, {"outputDirs", {"/etc"}}});
  CHECK(outside.status == 400);
  CHECK(outside.body["field"] == "outputDirs");
}

TEST_CASE("WhileATurnRunsAnArchiveHasWhatStandsThereNow") {
  Maker maker;
  auto& home = maker.home;
  maker.spawn();
  maker.has("mkdir -p out; printf old >out/a.txt; printf gone >out/b.txt");
  auto const go = (home.work() / "go").string();
  auto const message = maker.begin("rm out/b.txt; printf newer >out/a.txt; printf c >out/c.txt; touch " + go +
                                   ".there; while [ ! -e " + go + " ]; do sleep 0.1; done");
  REQUIRE(Installation::eventually([&] { return fs::exists(go + ".there"); }));
  auto const file = maker.archive();
  auto const manifest = maker.manifest(file);
  CHECK(manifest["source"] == "live");
  CHECK(manifest["partial"] == true);
  CHECK(why(manifest["missing"]) == json{{"out", "pending_session_terminal"}});
  CHECK(maker.in(file, "outputs/a.txt") == "newer");
  CHECK(maker.in(file, "outputs/b.txt") == "gone");  // as it was captured
  CHECK(maker.in(file, "outputs/c.txt") == "c");
  CHECK(maker.list()["outputs"].size() == 2);  // nothing is kept of that
  CHECK(maker.named("a.txt")["byteSize"] == 3);
  std::ofstream(go) << "";
  CHECK(Installation::eventually([&] { return home.delivery_state(message) == "done"; }));
  CHECK(maker.named("a.txt")["byteSize"] == 5);
  CHECK(maker.manifest(maker.archive())["source"] == "captured");
}

TEST_CASE("WhatIsWrittenToAllTheTimeIsTakenWhenItRests") {
  Maker maker;
  maker.spawn();
  maker.has(
      "mkdir -p out; head -c 33554432 /dev/zero >out/log; "
      "(while [ ! -e enough ]; do echo more >>out/log; done; touch out/over) >/dev/null 2>&1 &");
  CHECK(why(maker.list()["missing"]) == json{{"log", "changed_while_read"}});
  std::ofstream(maker.home.work() / "enough") << "";
  REQUIRE(Installation::eventually([&] { return fs::exists(maker.out / "over"); }));
  maker.home.good({"stop", "maker"});
  CHECK(maker.list()["missing"].empty());
  CHECK(maker.named("log")["byteSize"] == static_cast<std::int64_t>(fs::file_size(maker.out / "log")));
}

TEST_CASE("TheQuotaIsTheConfigurations") {
  Maker maker;
  fs::create_directories(maker.home.state());
  std::ofstream(maker.home.state() / "config.toml") << "[outputs]\nquota_mb = 1\n";
  maker.spawn();
  maker.has("mkdir -p out; head -c 700000 /dev/zero >out/a; head -c 700001 /dev/zero >out/b");
  CHECK(sorted(maker.list()["outputs"], "name") == std::vector<std::string>{"a"});
  CHECK(why(maker.list()["missing"]) == json{{"b", "storage_cap_exceeded"}});
  CHECK(why(maker.manifest(maker.archive())["missing"]) == json{{"b", "storage_cap_exceeded"}});
}

TEST_CASE("AKillInTheMidstOfACaptureLeavesNothingHalf") {
  Maker maker;
  auto& home = maker.home;
  maker.spawn();
  auto const message =
      home.send("maker", "mkdir -p out; head -c 200000000 /dev/urandom >out/big; printf small >out/small");
  auto const begun = Installation::eventually([&] {
    std::error_code ec;
    return fs::exists(maker.store(), ec) && !fs::is_empty(maker.store(), ec);
  });
  REQUIRE(begun);
  home.kill_daemon();
  auto const half = std::distance(fs::directory_iterator(maker.store()), fs::directory_iterator());
  home.good({"up"});
  CHECK(Installation::eventually([&] { return home.delivery_state(message) == "done"; }));
  CHECK(Installation::eventually([&] { return maker.list()["outputs"].size() == 2; }));
  CHECK(maker.named("big")["byteSize"] == 200'000'000);
  std::size_t files = 0;
  for (auto const& entry : fs::directory_iterator(maker.store())) {
    ++files;
    CHECK(entry.path().filename().string().size() == 64);
  }
  CHECK_MESSAGE(files == 2, "before: ", half);
}

TEST_CASE("ALargeOutputCostsTheDaemonNoMemory") {
  Maker maker;
  auto& home = maker.home;
  maker.spawn();
  maker.has("mkdir -p out; printf x >out/small");
  (void)maker.archive();
  auto const before = peak_memory(*home.daemon_pid());
  maker.has("head -c 300000000 /dev/urandom >out/big");
  REQUIRE(Installation::eventually([&] { return maker.named("big").is_object(); }));
  auto const file = maker.archive();
  CHECK(fs::file_size(file) > 300'000'000);
  auto const bytes = home.work() / "bytes";
  auto const path = "/v1/sessions/maker/outputs/" + maker.named("big")["id"].get<std::string>();
  ar::test::curl(home, "GET", path, {"-o", bytes.string()}, nullptr);
  CHECK(home.run_program("/usr/bin/cmp", {bytes.string(), (maker.out / "big").string()}, "").status == 0);
  // Somebody who looks at the beginning only.
  for (int i = 0; i < 3; ++i)
    ar::test::curl(home, "GET", "/v1/sessions/maker/archive", {"-o", "/dev/null", "--max-time", "0.2"}, nullptr);
  auto const more = peak_memory(*home.daemon_pid()) - before;
  MESSAGE("the daemon's peak grew by ", more, " KiB");
  if (!ar::test::kSanitized) CHECK(more < 24 * 1024);  // which keeps for a while what is given back
}

TEST_CASE("OfArchivesThereAreThirtyAMinute") {
  Maker maker;
  auto& home = maker.home;
  maker.spawn({});
  maker.has("true");
  int good = 0;
  ar::test::HttpAnswer last;
  auto const begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 31; ++i) {
    last = request(home, "GET", "/v1/sessions/maker/archive", nullptr, {"Accept: application/zip"});
    good += last.status == 200 ? 1 : 0;
  }
  if (std::chrono::steady_clock::now() - begun > std::chrono::seconds(60)) return;  // a machine that slow may have more
  CHECK(good == 30);
  CHECK(last.status == 429);
  CHECK(last.head.find("Retry-After: ") != std::string::npos);
}

TEST_CASE("AWorktreesOutputsAreThoseOfTheWorktree") {
  Maker maker;
  auto& home = maker.home;
  auto const git = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"-C", home.work().string(), "-c", "user.name=t", "-c", "user.email=t@example.org"});
    auto const done = home.run_program("/usr/bin/git", words, "");
    REQUIRE_MESSAGE(done.status == 0, done.err);
  };
  git({"init", "-q"});
  git({"commit", "-q", "--allow-empty", "-m", "first"});
  maker.spawn({"--worktree", "--output-dir", "out"});
  maker.has("mkdir -p out; printf one >out/a.txt");
  CHECK(maker.named("a.txt")["path"].get<std::string>().starts_with((home.state() / "worktrees" / "maker").string()));
}
