// What agents' processes may use: limits as people write them, and what is told when one is reached.
#include "daemon/resources/cpu_runaway.hpp"
#include "daemon/resources/placement.hpp"
#include "daemon/resources/victim.hpp"
#include "model/resource_limits.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;

TEST_CASE("SizesAndSharesAreReadAsPeopleWriteThem") {
  for (auto const& [text, bytes] : {std::pair{"300M", std::int64_t{300} << 20},
                                    {"2G", std::int64_t{2} << 30},
                                    {"2GiB", std::int64_t{2} << 30},
                                    {"1048576", std::int64_t{1} << 20},
                                    {"1024K", std::int64_t{1} << 20},
                                    {"0", std::int64_t{0}}}) {
    auto const read = parse_memory_size(text);
    REQUIRE_MESSAGE(read.has_value(), text);
    CHECK(*read == bytes);
  }
  for (char const* text : {"", "M", "-1M", "300X", "300 M", "1.5G", "300MM", "1K", "99999999999999999999", "99999999T"})
    CHECK_MESSAGE(!parse_memory_size(text), text);
  CHECK(*parse_cpu_quota("150%") == 150);
  CHECK(*parse_cpu_quota("0") == 0);
  for (char const* text : {"", "%", "-5%", "half", "150%%", "9999999%"}) CHECK_MESSAGE(!parse_cpu_quota(text), text);
}

TEST_CASE("LimitsAreReadFieldByFieldAndWhatIsWrongIsNamed") {
  auto const read = resource_limits_from({{"memoryMax", "1G"}, {"cpuQuota", 50}, {"tasksMax", 0}}, "resources.");
  REQUIRE(read.has_value());
  CHECK(*read->memory_max == std::int64_t{1} << 30);
  CHECK_FALSE(read->memory_high);
  CHECK(*resource_limits_from(to_json(*read), "") == *read);
  for (auto const& [wrong, field] : {std::pair{json{{"memoryMax", true}}, "resources.memoryMax"},
                                     {json{{"memoryHigh", -1}}, "resources.memoryHigh"},
                                     {json{{"cpuQuota", "fast"}}, "resources.cpuQuota"},
                                     {json{{"tasksMax", "many"}}, "resources.tasksMax"},
                                     {json{{"tasksMax", 1.5}}, "resources.tasksMax"},
                                     {json{{"memory", 1}}, "resources.memory"}}) {
    auto const refused = resource_limits_from(wrong, "resources.");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().field == field);
  }
}

TEST_CASE("WhatAnAgentSaysOfALimitCountsBeforeWhatIsConfigured") {
  ResourceLimits own, configured;
  own.memory_max = 0;
  configured.memory_max = 1 << 30;
  configured.tasks_max = 100;
  auto const both = own.over(configured);
  CHECK(*both.memory_max == 0);
  CHECK(*both.tasks_max == 100);
  CHECK_FALSE(both.cpu_quota);
}

TEST_CASE("APlacementIsKeptWhole") {
  Placement placement;
  CHECK(to_json(placement).is_null());
  CHECK(placement_from(nullptr).by.empty());
  placement = {"scope", "/sys/fs/cgroup/a.scope", {{"tasksMax", 5}}, {"memoryMax"}, {"cpuQuota"}, 2, 3};
  CHECK(to_json(placement_from(to_json(placement))) == to_json(placement));
}

TEST_CASE("AShareThatIsUsedUpForMinutesIsToldOnce") {
  CpuRunaway cpu;
  Clock::time_point now{};
  std::int64_t periods = 0, throttled = 0;
  auto const look = [&](std::int64_t used_up) {
    now += 15s;
    periods += 150;
    throttled += used_up;
    return cpu.look(now, periods, throttled);
  };
  int told = 0;
  for (int i = 0; i < 12; ++i) told += look(150);
  CHECK(told == 0);
  for (int i = 0; i < 20; ++i) told += look(149);
  CHECK(told == 1);
  told = look(10);
  CHECK(told == 0);
  for (int i = 0; i < 14; ++i) told += look(150);
  CHECK(told == 1);
  // Who only waits has no periods at all.
  for (int i = 0; i < 20; ++i) told += cpu.look(now += 15s, periods, throttled);
  CHECK(told == 1);
}

TEST_CASE("TheKernelsLogNamesTheVictimOfAGroup") {
  auto const line = [](std::string const& group, std::string const& name, std::string const& pid) {
    return "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/d/" + group +
           ",task_memcg=/d/" + group + ",task=" + name + ",pid=" + pid + ",uid=0";
  };
  std::vector<std::string> const log{line("a", "old", "1"), line("a", "eater, with comma", "2"),
                                     line("ab", "other", "3"), line("a/below", "nested", "4")};
  CHECK(victim_in_log({log[0], log[1], log[2]}, "a")->name == "eater, with comma");
  CHECK(victim_in_log({log[0], log[1], log[2]}, "a")->pid == 2);
  CHECK(victim_in_log(log, "a")->name == "nested");
  CHECK_FALSE(victim_in_log(log, "b"));
  CHECK_FALSE(victim_in_log({"oom-kill:nonsense", ",task_memcg=/d/a,task=", ""}, "a"));
}

TEST_CASE("WithoutTheLogTheLargestThatIsMissingWasIt") {
  std::vector<GroupMember> const before{{1, "main", 50}, {2, "eater", 900}, {3, "small", 5}};
  auto const victim = victim_by_comparison(before, {{1, "main", 50}});
  REQUIRE(victim);
  CHECK(victim->name == "eater");
  CHECK(victim->by == "comparison");
  CHECK_FALSE(victim_by_comparison(before, before));
}
