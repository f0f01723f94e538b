#include "daemon/agent/descriptor_budget.hpp"

#include "world.hpp"

#include <doctest/doctest.h>

using namespace ar;
using ar::daemon::DescriptorBudget;

TEST_CASE("NoAgentIsStartedFromWhatIsKeptForThoseThatAreThere") {
  std::optional<Descriptors> own = Descriptors{30, 64}, terminals = Descriptors{10, 1024};
  DescriptorBudget budget([&] { return own; }, [&] { return terminals; });
  CHECK(DescriptorBudget::connections(64) == 4);
  CHECK(DescriptorBudget::connections(1U << 20) == 256);
  CHECK(DescriptorBudget::reserve(64) == 20);
  {
    auto const first = budget.take();
    REQUIRE(first.has_value());
    auto const second = budget.take();  // the first one has not opened anything yet
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code == "too_many_files");
    CHECK(second.error().kind == ErrorKind::unavailable);
    CHECK(second.error().message.find("the daemon has 30 of 64 files open, and 20 are kept") != std::string::npos);
  }
  CHECK(budget.take().has_value());  // its place is free again
  own = Descriptors{37, 64};
  CHECK_FALSE(budget.take().has_value());
  own = Descriptors{30, 1024};
  terminals = Descriptors{52, 64};
  CHECK(budget.take().error().message.find("the tmux server has 52 of 64") != std::string::npos);
  own = terminals = std::nullopt;  // not to be told: no reason to refuse
  CHECK(budget.take().has_value());
  CHECK(budget.shown().is_null());
}

TEST_CASE("ASpawnAndAStartThatWouldExhaustTheDescriptorsAreRefused") {
  test::World world;
  world.spawn();
  REQUIRE(world.act("stop").has_value());
  world.open_files = Descriptors{60, 64};
  auto const started = world.act("restart");
  REQUIRE_FALSE(started.has_value());
  CHECK(started.error().code == "too_many_files");
  CHECK(world.state() == "stopped");
  auto const spawned = world.try_spawn({{"id", "b"}});
  REQUIRE_FALSE(spawned.has_value());
  CHECK(spawned.error().code == "too_many_files");
  world.open_files = Descriptors{20, 64};
  CHECK(world.act("restart").has_value());
}

TEST_CASE("WhatOthersOpenMeanwhileCannotMakeAStartFailThatWasSaidToBePossible") {
  test::World world;
  world.open_files = Descriptors{36, 64};
  world.open_files_then = Descriptors{60, 64};
  world.spawn();
  REQUIRE(world.act("stop").has_value());
  world.open_files = Descriptors{36, 64};
  world.open_files_then = Descriptors{60, 64};
  CHECK(world.act("restart").has_value());
}

TEST_CASE("ARestartWaitsUntilThereAreDescriptorsAgain") {
  test::World world;
  world.spawn();
  world.open_files = Descriptors{60, 64};
  world.script.end(terminal::ExitStatus{1, 0, true});
  auto const says_so = [&] {
    return world.agent().view()["reason"].get<std::string>().find("no further agent can be started") !=
           std::string::npos;
  };
  world.until(says_so, "it says why it does not start");
  CHECK(world.state() == "restarting");
  world.open_files = Descriptors{20, 64};
  world.until_state("idle");
}
