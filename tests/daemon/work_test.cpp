#include "daemon/delivery/work.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::daemon;

TEST_CASE("StatusIsTerminalElseBusyElseIdle") {
  Work work;
  CHECK(work.status() == "offline");
  CHECK_FALSE(work.is_ready());
  work.clear_terminal();
  CHECK(work.status() == "idle");
  work.start({"message", "4"});
  CHECK(work.status() == "busy");
  work.set_terminal("error");
  CHECK(work.status() == "error");
  CHECK_FALSE(work.is_ready());
  CHECK(work.meta()["terminalStatus"] == "error");
  work.clear_terminal();
  work.finish("message", "4");
  CHECK(work.status() == "idle");
  CHECK(work.is_ready());
  CHECK(work.meta()["terminalStatus"].is_null());
}

TEST_CASE("SubagentsAreCountedAndClearedByKind") {
  Work work;
  work.clear_terminal();
  work.start({"subagent", "a", "explorer"});
  work.start({"subagent", "a", "explorer"});
  work.start({"task", "7"});
  CHECK(work.meta()["activeSubagentCount"] == 1);
  CHECK(work.meta()["activeSubagents"][0]["label"] == "explorer");
  CHECK(work.meta()["busyReasons"] == json::array({"subagent", "task"}));
  work.clear("subagent");
  CHECK(work.meta()["activeWork"].size() == 1);
}

TEST_CASE("WhatIsToldOfActiveWorkLaterReplacesWhatWasToldOfIt") {
  Work work;
  work.start({.kind = "provider-turn", .id = "provider-turn"});
  CHECK(work.provider_state().is_null());
  auto const began = work.meta()["activeWork"][0]["startedAt"];
  work.start({.kind = "provider-turn",
              .id = "provider-turn",
              .role = "main",
              .metadata = {{"step", 1}},
              .provider_state = {{"phase", "thinking"}}});
  work.start({.kind = "provider-turn", .id = "provider-turn", .metadata = {{"step", 2}}});
  auto const shown = work.meta()["activeWork"];
  REQUIRE(shown.size() == 1);
  CHECK(shown[0]["startedAt"] == began);
  CHECK(shown[0]["role"] == "main");
  CHECK(shown[0]["metadata"] == json{{"step", 2}});
  CHECK(work.provider_state() == json{{"phase", "thinking"}});
}

TEST_CASE("OfItsWorkTasksAndCommandsOutliveTheProcess") {
  Work work;
  for (auto const* kind : {"provider-turn", "subagent", "message", "build", "task", "command"}) work.start({kind, "1"});
  work.on_process_gone();
  CHECK(work.meta()["busyReasons"] == json::array({"command", "task"}));
}
