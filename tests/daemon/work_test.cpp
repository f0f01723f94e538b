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
  work.clear({"provider-turn", "subagent"});
  CHECK(work.meta()["activeWork"].size() == 1);
}
