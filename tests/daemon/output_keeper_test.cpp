// When an agent's output folders are looked through, and what stays of it over a daemon's death.
#include "base/http/peer.hpp"
#include "daemon/api/outputs_api.hpp"
#include "daemon/store/tables/output_table.hpp"
#include "support/file_text.hpp"
#include "world.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

using namespace ar;
using namespace ar::test;
namespace fs = std::filesystem;

namespace {

struct Making {
  World world;
  fs::path out = world.dir() / "w" / "out";

  Making() {
    fs::create_directories(out);
    spawn();
  }
  void spawn() {
    json const dirs = {{"cwd", (world.dir() / "w").string()}, {"outputDirs", {out.string()}}};
    world.spawn(dirs);
  }
  void write(std::string const& name, std::string const& text) const { std::ofstream(out / name) << text; }
  void begin_turn() {
    world.script.emit(adapters::TurnStarted{});
    world.until([&] { return world.agent().turn_runs(); }, "the turn runs");
  }
  void end_turn() {
    world.script.emit(adapters::TurnEnded{});
    world.until([&] { return !world.agent().turn_runs(); }, "the turn is over");
  }
  void settle() { world.await(world.agent().outputs().settled(Clock::now() + 1h)); }
  std::vector<OutputTable::Row> rows() {
    auto query = [](Database& db) -> Result<std::vector<OutputTable::Row>> { return OutputTable(db).after("a", 0, 0); };
    return *world.ask(world.journal().read(std::move(query)));
  }
  std::size_t kept_files() {
    world.settle();
    std::error_code ec;
    std::size_t count = 0;
    for (fs::directory_iterator entry(world.agent().outputs().store(), ec), end; !ec && entry != end; ++entry) ++count;
    return count;
  }
};

/// Takes what it is sent.
class Taker final : public http::Peer {
 public:
  awaitable<bool> write(std::string_view bytes) override {
    taken += bytes;
    co_return true;
  }
  void cut_off() override { FAIL_CHECK("the archive was cut off"); }
  awaitable<void> gone() override {
    for (Notifier never(co_await net::this_coro::executor);;) (void)co_await never.wait();
  }
  bool stopping() const override { return false; }

  std::string taken{};
};

json manifest_of(World& world) {
  OutputsApi api(world.services(), world.supervisor());
  auto const archive = world.await(api.archive("a"));
  REQUIRE(archive.has_value());
  Taker taker;
  REQUIRE(world.await(archive->send(taker)).has_value());
  auto const zip = world.dir() / "a.zip", manifest = world.dir() / "manifest.json";
  std::ofstream(zip, std::ios::binary) << taker.taken;
  auto const unpack = "unzip -p " + zip.string() + " manifest.json >" + manifest.string();
  REQUIRE(std::system(unpack.c_str()) == 0);
  return json::parse(file_text(manifest));
}

}  // namespace

TEST_CASE("OutputsAreCapturedWhenATurnEndsAndWhenTheAgentStops") {
  Making m;
  m.write("early", "early");
  CHECK(m.rows().empty());
  m.begin_turn();
  m.write("a.txt", "one");
  m.end_turn();
  CHECK(m.world.agent().outputs().is_due());  // at once, for who asks then
  m.settle();
  auto rows = m.rows();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].name == "a.txt");
  CHECK(rows[0].turn == 1);
  CHECK(m.world.agent().session()["retainedStorageBytes"] == 8);
  auto const told = m.world.events("output.captured");
  REQUIRE(told.size() == 1);
  CHECK(told[0]["data"]["files"] == 2);
  CHECK(told[0]["data"]["bytes"] == 8);

  m.write("a.txt", "later");  // by something in the background
  REQUIRE(m.world.act("stop").has_value());
  m.world.until_state("stopped");
  m.settle();
  rows = m.rows();
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].name == "a.txt");  // behind those of before
  CHECK(rows[1].bytes == 5);
  CHECK(m.kept_files() == 2);  // what was replaced has gone
  CHECK(m.world.agent().session()["retainedStorageBytes"] == 10);
}

TEST_CASE("ACaptureThatADaemonsDeathCutOffIsMadeUpFor") {
  Making m;
  m.begin_turn();
  m.write("a.txt", "one");
  m.world.script.emit(adapters::TurnEnded{});
  m.world.until([&] { return m.world.agent().outputs().is_due(); }, "a capture is owed");
  m.world.crash();
  auto const store = m.world.dir() / "agents" / "a" / "outputs";
  fs::create_directories(store);
  std::ofstream(store / ".new-1234") << "half of it";
  std::ofstream(store / std::string(64, '0')) << "nobody lists it";
  m.world.start();
  m.settle();
  auto const rows = m.rows();
  REQUIRE(rows.size() == 1);
  CHECK(file_text(store / rows[0].sha256) == "one");
  CHECK(m.kept_files() == 1);
  CHECK(m.world.agent().session()["retainedStorageBytes"] == 3);
}

TEST_CASE("WhatASessionThatHasEndedOwesStillIsMissingInItsArchive") {
  Making m;
  m.begin_turn();
  m.write("a.txt", "one");
  m.world.agent().outputs().stop();  // no capture comes to its end
  m.end_turn();
  REQUIRE(m.world.act("stop").has_value());
  REQUIRE(m.world.agent().outputs().is_due());
  auto const manifest = manifest_of(m.world);
  CHECK(manifest["partial"] == true);
  CHECK(manifest["outputs"].empty());
  REQUIRE(manifest["missing"].size() == 1);
  CHECK(manifest["missing"][0]["path"] == m.out.string());
  CHECK(manifest["missing"][0]["reason"] == "session_terminated_pre_sync");
}

TEST_CASE("OutputsGoWithTheirAgent") {
  Making m;
  m.begin_turn();
  m.write("a.txt", "one");
  m.end_turn();
  m.settle();
  REQUIRE(m.world.act("stop").has_value());
  m.world.until_state("stopped");
  REQUIRE(m.world.await(m.world.supervisor().remove("a")).has_value());
  CHECK(m.rows().empty());
  CHECK_FALSE(fs::exists(m.world.dir() / "agents" / "a" / "outputs"));
  m.spawn();
  CHECK(m.world.agent().session()["retainedStorageBytes"] == 0);
}

TEST_CASE("AnAgentWithoutOutputFoldersCapturesNothing") {
  World world;
  world.spawn();
  world.script.emit(adapters::TurnStarted{});
  world.until([&] { return world.agent().turn_runs(); }, "the turn runs");
  world.script.emit(adapters::TurnEnded{});
  world.until([&] { return !world.agent().turn_runs(); }, "the turn is over");
  CHECK_FALSE(world.agent().outputs().is_due());
  CHECK(world.events("output.captured").empty());
}

TEST_CASE("OutputFoldersLieInTheWorkspaceOrInAConfiguredRoot") {
  World world;
  auto const other = world.dir() / "other";
  fs::create_directories(other);
  fs::create_directories(world.dir() / "real");
  fs::create_directory_symlink(world.dir() / "real", world.dir() / "link");
  auto const with = [&](std::string const& cwd, std::string const& dir) {
    return world.try_spawn({{"id", "a"}, {"cwd", (world.dir() / cwd).string()}, {"outputDirs", {dir}}});
  };
  CHECK(with("real", other.string()).error().field == "outputDirs");
  CHECK(with("real", "out").error().field == "outputDirs");
  world.config().output_roots = {other.string()};
  CHECK(with("real", (other / "x").string()).has_value());
  CHECK(world.agent().spec().output_dirs[0] == (other / "x").string());
  world.until_state("idle");
  REQUIRE(world.act("stop").has_value());
  world.until_state("stopped");
  REQUIRE(world.await(world.supervisor().remove("a")).has_value());
  CHECK(with("link", (world.dir() / "link" / "out").string()).has_value());  // as its folder is meant
  CHECK(world.agent().spec().output_dirs[0] == (fs::canonical(world.dir() / "real") / "out").string());
}
