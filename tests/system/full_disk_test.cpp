// A disk that fills up in the midst of what programs ask for: each is told what is full, nothing is half done, and all
// goes on when there is space again. The state directory lies on a small disk of its own; what is full of the messages'
// way is in tests/chaos and tests/relay.
#include "chaos/sandbox.hpp"
#include "control/raw_client.hpp"
#include "support/namespaces.hpp"
#include "system/installation.hpp"
#include "system/loopback_receiver.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <sys/mount.h>

using ar::json;
using ar::chaos::DiskFull;
using ar::test::Installation;
using ar::test::LoopbackReceiver;
using ar::test::RawClient;
using ar::test::Reply;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kDiskBytes = 24 << 20;

/// Mounted for as long as the installation on it is there.
class SmallDisk {
 public:
  void mount(fs::path const& at) {
    fs::create_directories(at);
    if (auto const why = ar::chaos::mount_small_disk(at, kDiskBytes); !why.empty()) ar::test::skip_all(why);
    at_ = at;
  }
  ~SmallDisk() {
    if (at_.empty()) return;
    ::umount2(at_.c_str(), MNT_DETACH);
    std::error_code ignored;
    fs::remove_all(at_.parent_path(), ignored);
  }

 private:
  fs::path at_;
};

struct Lab {
  SmallDisk disk;
  Installation home;

  explicit Lab(std::string const& config = "") {
    disk.mount(home.state());
    std::ofstream(home.state() / "config.toml") << config;
    home.good({"up"});
  }

  Reply ask(char const* method, std::string const& target, json const& body = nullptr,
            std::vector<std::string> const& headers = {}) const {
    RawClient client(home.state() / "run" / "control.sock");
    return client.request(method, target, headers, body.is_null() ? "" : body.dump());
  }
  Reply put(std::string const& key, std::size_t size) const {
    return ask("PUT", "/v1/memory/shared/team/" + key, {{"value", std::string(size, 'x')}});
  }

  /// Takes what the databases have left of their own files: the journal and, unless said, the bus.
  void exhaust(bool bus = true) const {
    for (auto const size : {std::size_t{60'000}, std::size_t{6'000}, std::size_t{10}}) {
      int n = 0;
      while (n < 2000 && put("filler-" + std::to_string(size) + "-" + std::to_string(n), size).status < 300) ++n;
      REQUIRE(n < 2000);
      auto const sent = [&] {
        return ask("POST", "/v1/messages", {{"to", "later"}, {"body", std::string(size, 'x')}}).status < 300;
      };
      for (n = 0; bus && n < 2000 && sent();) ++n;
      REQUIRE(n < 2000);
    }
  }

  /// What there is: all lists, and the names of all files but the databases' own and the log.
  std::string all() const {
    std::string text;
    for (auto const* list :
         {"/v1/agents", "/v1/sessions", "/v1/messages?limit=1000", "/v1/approvals", "/v1/webhooks", "/v1/tool-hooks",
          "/v1/skills", "/v1/snapshots", "/v1/memory", "/v1/memory/shared/team?limit=1000"}) {
      auto const reply = ask("GET", list);
      CHECK_MESSAGE(reply.status == 200, list, " ", reply.body);
      text += std::string(list) + " " + reply.body + "\n";
    }
    std::vector<std::string> files;
    for (auto const& entry : fs::recursive_directory_iterator(home.state())) {
      auto const name = entry.path().string();
      bool const moves = name.ends_with("-wal") || name.ends_with("-shm") || name.ends_with("-journal") ||
                         name.ends_with(".log") || name.ends_with("/filler");
      if (!moves && !entry.is_directory()) files.push_back(name);
    }
    std::ranges::sort(files);
    for (auto const& file : files) text += file + "\n";
    return text;
  }

  /// What the journal was given before this is on the disk.
  void settle() const {
    REQUIRE(Installation::eventually([&] { return put("settled", 10).status < 300; }));
    REQUIRE(ask("DELETE", "/v1/memory/shared/team/settled").status == 200);
  }
};

void check_refused(Reply const& reply) {
  CAPTURE(reply.body);
  CHECK(reply.status == 503);
  auto const problem = reply.document();
  bool const of_disk = problem["code"] == "disk_full" || problem["code"] == "disk_error";
  CHECK(of_disk);
  auto const detail = problem["detail"].get<std::string>();
  CHECK(detail.find("disk") != std::string::npos);
  CHECK(detail.find("free") != std::string::npos);
}

}  // namespace

TEST_CASE("WhatIsAskedOfAFullDiskIsRefusedAndDoneWhenThereIsSpace") {
  Lab lab;
  REQUIRE(lab.put("old", 100).status == 201);
  auto const old =
      json::parse(
          lab.ask("POST", "/v1/webhooks", {{"url", "https://hooks.invalid/old"}, {"events", {"agent.*"}}}).body)["id"]
          .get<std::string>();
  auto const cwd = lab.home.work().string();
  struct Write {
    char const* method;
    std::string target;
    json body;
    std::string shows;  ///< in what there is, once it is done; empty: nothing
  };
  json const tools = json::array({std::string(60, 'T')});
  std::vector<Write> const writes{
      {"PUT", "/v1/memory/shared/team/new", {{"value", std::string(10'000, 'v')}}, "\"key\":\"new\""},
      {"DELETE", "/v1/memory/shared/team/old", nullptr, ""},
      {"POST", "/v1/attachments?name=note.txt", std::string(100'000, 'a'), ""},
      {"POST",
       "/v1/skills",
       {{"markdown", std::string(100'000, 's')}, {"name", "style"}, {"description", "d"}},
       "skl_"},
      {"POST", "/v1/snapshots", {{"label", "of a full disk"}}, "of a full disk"},
      {"POST", "/v1/webhooks", {{"url", "https://hooks.invalid/new"}, {"events", {"*"}}}, "hooks.invalid/new"},
      {"DELETE", "/v1/webhooks/" + old, nullptr, ""},
      {"POST",
       "/v1/tool-hooks",
       {{"owner", "o"}, {"name", "n"}, {"phase", "pre"}, {"tools", tools}, {"callbackUrl", "http://127.0.0.1:9/"}},
       "TTTT"},
      {"POST", "/v1/messages", {{"to", "later"}, {"body", std::string(10'000, 'm')}, {"subject", "new"}}, "\"new\""},
      {"POST", "/v1/agents", {{"provider", "command"}, {"cwd", cwd}, {"id", "spawned"}}, "\"spawned\""},
      {"POST",
       "/v1/sessions",
       {{"provider", "command"}, {"cwd", cwd}, {"id", "opened"}, {"input", "hello"}},
       "\"opened\""},
      {"POST", "/v1/runs", {{"provider", "command"}, {"cwd", cwd}, {"id", "ran"}, {"input", "hello"}}, "\"ran\""},
      {"POST", "/v1/runtime/pause", json::object(), ""},
  };
  auto const key_of = [](Write const& write) {
    return std::vector<std::string>{"Idempotency-Key: " + std::string(write.method) +
                                    std::to_string(std::hash<std::string>()(write.target))};
  };
  std::string before;
  {
    DiskFull const full(lab.home.state());
    lab.exhaust();
    before = lab.all();
    for (auto const& write : writes) {
      CAPTURE(write.target);
      check_refused(lab.ask(write.method, write.target, write.body, key_of(write)));
    }
    CHECK(lab.all() == before);
    // The rest is as ever.
    CHECK(lab.ask("GET", "/v1/info").status == 200);
    CHECK(lab.ask("GET", "/v1/memory/shared/team/old").status == 200);
  }
  lab.settle();
  CHECK(lab.all() == before);
  for (auto const& write : writes) {
    CAPTURE(write.target);
    auto const done = lab.ask(write.method, write.target, write.body, key_of(write));
    CHECK_MESSAGE(done.status < 300, done.body);
    CHECK_FALSE(done.headers.contains("idempotency-replayed"));
    if (!write.shows.empty()) CHECK(lab.all().find(write.shows) != std::string::npos);
  }
  CHECK(lab.ask("POST", "/v1/runtime/resume", json::object()).status == 200);
}

TEST_CASE("ASpawnThatTheJournalCannotKeepIsNoneAtAll") {
  Lab lab;
  json const asked = {{"provider", "command"}, {"cwd", lab.home.work().string()}, {"id", "s"}, {"input", "hello"}};
  std::string before;
  {
    lab.settle();  // the bus has room for a token
    DiskFull const full(lab.home.state());
    lab.exhaust(false);
    before = lab.all();
    check_refused(lab.ask("POST", "/v1/sessions", asked));
    CHECK(lab.all() == before);
  }
  auto const opened = lab.ask("POST", "/v1/sessions", asked);  // at once
  CHECK_MESSAGE(opened.status == 201, opened.body);
  lab.home.wait_for_state("s", "idle");
}

TEST_CASE("ARestoreThatFillsTheDiskRestoresNothing") {
  Lab lab;
  REQUIRE(lab.put("kept", 50'000).status == 201);
  auto const made = lab.ask("POST", "/v1/snapshots", json::object()).document();
  auto const id = made["id"].get<std::string>();
  REQUIRE(lab.ask("DELETE", "/v1/memory/shared/team/kept").status == 200);
  json const by_id = {{"snapshotId", id}};
  std::string before;
  {
    DiskFull const full(lab.home.state());
    lab.exhaust();
    before = lab.all();
    check_refused(lab.ask("POST", "/v1/snapshots/restore", by_id));
    RawClient client(lab.home.state() / "run" / "control.sock");
    client.send(ar::test::request_text("GET", "/v1/snapshots/" + id + "/export"));
    CHECK(client.head().status == 200);
    std::string document;
    while (auto const part = client.chunk()) document += *part;
    CHECK(json::parse(document)["format"] == "agent-runner-snapshot");  // reading needs no room
    CHECK(lab.all() == before);
  }
  lab.settle();
  CHECK(lab.all() == before);
  auto const restored = lab.ask("POST", "/v1/snapshots/restore", by_id);
  CHECK_MESSAGE(restored.status == 200, restored.body);
  CHECK(restored.document()["sections"]["memory"]["written"] == 1);
  CHECK(lab.ask("GET", "/v1/memory/shared/team/kept").status == 200);
}

TEST_CASE("AnOutputThatTheDiskHasNoRoomForIsMissingAndKeptLater") {
  Lab lab;
  auto const out = lab.home.work() / "out";
  fs::create_directories(out);
  std::ofstream(out / "plan.bin") << std::string(4 << 20, 'p');
  std::ofstream(out / "note.txt") << "small";
  auto const opened = lab.ask(
      "POST", "/v1/sessions",
      {{"provider", "command"}, {"cwd", lab.home.work().string()}, {"id", "s"}, {"outputDirs", {out.string()}}});
  REQUIRE_MESSAGE(opened.status == 201, opened.body);
  lab.home.wait_for_state("s", "idle");
  auto const outputs = [&] { return lab.ask("GET", "/v1/sessions/s/outputs").document(); };
  auto const has_turn = [&] {
    REQUIRE(lab.ask("POST", "/v1/sessions/s/messages", {{"input", "hello"}}).status == 202);
  };
  {
    DiskFull const full(lab.home.state(), 2 << 20);
    has_turn();
    REQUIRE(Installation::eventually([&] { return !outputs()["missing"].empty(); }));
    auto const listed = outputs();
    CAPTURE(listed.dump());
    REQUIRE(listed["missing"].size() == 1);
    CHECK(listed["missing"][0]["reason"] == "storage_cap_exceeded");
    CHECK(listed["missing"][0]["path"].get<std::string>().ends_with("plan.bin"));
    CHECK(listed["missing"][0]["message"].get<std::string>().find("disk is full") != std::string::npos);
    REQUIRE(listed["outputs"].size() == 1);
    std::uintmax_t kept = 0;
    for (auto const& entry : fs::recursive_directory_iterator(lab.home.state() / "agents" / "s" / "outputs"))
      if (entry.is_regular_file()) kept += entry.file_size();
    CHECK(kept == 5);  // nothing is left of the large one
  }
  has_turn();
  CHECK(Installation::eventually([&] { return outputs()["outputs"].size() == 2 && outputs()["missing"].empty(); }));
}

TEST_CASE("ACaptureThatCannotBeWrittenDownIsDoneWhenThereIsSpace") {
  Lab lab;
  auto const out = lab.home.work() / "out";
  fs::create_directories(out);
  auto const opened = lab.ask("POST", "/v1/sessions",
                              {{"provider", "command"},
                               {"cwd", lab.home.work().string()},
                               {"id", "s"},
                               {"input", "hello"},
                               {"outputDirs", {out.string()}}});
  REQUIRE_MESSAGE(opened.status == 201, opened.body);
  lab.home.wait_for_state("s", "idle");
  std::ofstream(out / "late.txt") << "small";
  {
    DiskFull const full(lab.home.state());
    lab.exhaust();
    (void)lab.ask("POST", "/v1/agents/s/stop", json::object());  // captures once more
    CHECK(lab.ask("GET", "/v1/sessions/s/outputs").document()["outputs"].empty());
  }
  auto const kept = [&] { return lab.ask("GET", "/v1/sessions/s/outputs").document()["outputs"].size() == 1; };
  CHECK(Installation::eventually(kept));
}

TEST_CASE("ASearchGoesOnOverAFullDisk") {
  Lab lab;
  lab.home.spawn("a");
  auto const found = [&](std::string const& word) {
    auto const reply = lab.ask("GET", "/v1/search?q=" + word);
    return reply.status == 200 && !reply.document()["results"].empty();
  };
  lab.home.send("a", "earlierword");
  REQUIRE(Installation::eventually([&] { return found("earlierword"); }));
  {
    DiskFull const full(lab.home.state());
    lab.exhaust();
    CHECK(found("earlierword"));
  }
  lab.settle();
  lab.home.send("a", "laterword");
  CHECK(Installation::eventually([&] { return found("laterword"); }));
  CHECK(found("earlierword"));
}

TEST_CASE("NobodyOutsideIsToldOfWhatAFullDiskRefused") {
  Lab lab("[webhooks]\nprivate_addresses = [\"operator\"]\n");
  LoopbackReceiver receiver;
  auto const added = lab.ask("POST", "/v1/webhooks", {{"url", receiver.url()}, {"events", {"memory.*"}}});
  REQUIRE_MESSAGE(added.status == 201, added.body);
  auto const told = [&](std::string const& key) {
    return std::ranges::count_if(receiver.taken(),
                                 [&](auto const& one) { return json::parse(one.body)["data"]["key"] == key; });
  };
  std::size_t fillers = 0;
  {
    DiskFull const full(lab.home.state());
    lab.exhaust();
    check_refused(lab.put("asked", 10'000));
    fillers = lab.ask("GET", "/v1/memory/shared/team?limit=1000").document()["entries"].size();
  }
  lab.settle();
  CHECK(lab.put("asked", 10'000).status == 201);
  CHECK(Installation::eventually([&] { return told("asked") == 1; }));
  // What was done is told, though the disk was full when it was to be: each filler, and the two of the settling.
  CHECK(Installation::eventually([&] { return receiver.counts().size() == fillers + 3; }));
  for (auto const& [id, times] : receiver.counts()) CHECK_MESSAGE(times == 1, id);
}

TEST_CASE("ADaemonThatIsKilledOverAFullDiskComesBackWithAll") {
  Lab lab;
  REQUIRE(lab.put("old", 5'000).status == 201);
  std::string before;
  {
    DiskFull const full(lab.home.state());
    lab.exhaust();
    before = lab.all();
    check_refused(lab.put("new", 10'000));
    lab.home.kill_daemon();
    auto const up = lab.home.run({"up"});
    if (up.status != 0) CHECK_MESSAGE(up.err.find("disk") != std::string::npos, up.err);
  }
  lab.home.good({"up"});
  lab.settle();
  CHECK(lab.all() == before);
}
