// What goes on: events that are followed, lists that redraw, logs that grow.
#include "base/clock.hpp"
#include "cli_process.hpp"
#include "fake_daemon.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <set>
#include <thread>

using namespace ar;
using namespace ar::test;

namespace {

std::string block(int number, std::string const& agent = "alice") {
  json const event = {
      {"number", number}, {"agentNumber", number}, {"agent", agent}, {"type", "agent.state"}, {"data", json::object()}};
  return "id: " + std::to_string(number) + "\ndata: " + event.dump() + "\n\n";
}

FakeReply streamed(std::function<void(FakeStream&)> write) {
  FakeReply reply;
  reply.stream = std::move(write);
  return reply;
}

int number_of(std::string const& line) {
  auto const event = json::parse(line, nullptr, false);
  return event.is_object() ? event.value("number", -1) : -1;
}

}  // namespace

TEST_CASE("FollowedEventsGoOnAfterABrokenStreamWithoutGapOrRepeat") {
  CliHome const home;
  std::atomic<int> opened{0};
  FakeDaemon daemon(home.socket(), [&](FakeRequest const&) -> FakeReply {
    int const time = ++opened;
    return streamed([time](FakeStream& stream) {
      if (time == 1)
        stream.write(": hello\n\n" + block(6) + block(7) + "id: 8\nda");  // torn in the middle of an event
      else if (time == 2)
        stream.write("");
      else
        stream.write(block(8)), stream.hold();
    });
  });
  CliProcess events(home.program, {"events", "-f", "--from", "5", "--json"}, home.environment(), home.dir());
  CHECK(number_of(events.read_line()) == 6);
  CHECK(number_of(events.read_line()) == 7);
  CHECK(number_of(events.read_line()) == 8);
  auto const requests = daemon.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].headers.at("accept") == "text/event-stream");
  CHECK(requests[0].query == "cursor=5");
  CHECK(requests[0].headers.count("last-event-id") == 0);
  CHECK(requests[1].headers.at("last-event-id") == "7");
  CHECK(requests[2].headers.at("last-event-id") == "7");
}

TEST_CASE("FollowedEventsOutliveTheDaemon") {
  CliHome const home;
  auto daemon = std::make_unique<FakeDaemon>(home.socket(), [](FakeRequest const&) {
    return streamed([](FakeStream& stream) { stream.write("id: 3\n\n"), stream.write(block(4)), stream.hold(); });
  });
  CliProcess events(home.program, {"events", "-f", "--json"}, home.environment(), home.dir());
  CHECK(number_of(events.read_line()) == 4);
  CHECK(daemon->requests().front().query == "cursor=latest");
  daemon.reset();
  daemon = std::make_unique<FakeDaemon>(home.socket(), [](FakeRequest const&) {
    return streamed([](FakeStream& stream) { stream.write(block(5)), stream.hold(); });
  });
  CHECK(number_of(events.read_line()) == 5);
  CHECK(daemon->requests().front().headers.at("last-event-id") == "4");
}

TEST_CASE("SpawnReturnsOnceTheAgentIsReadyOrHasFailed") {
  struct Case {
    std::vector<std::string> options;
    std::string end;  ///< the state that the second event brings
    int status;
    std::string says;
  };
  for (auto const& c :
       {Case{{}, "idle", 0, "agent x: command, idle"}, Case{{}, "failed", 1, "agent x has failed: no API key"},
        Case{{}, "waiting", 4, "agent x waits for a person: no API key"},
        Case{{}, "stopped", 1, "agent x is stopped: no API key"},
        Case{{"--no-wait"}, "failed", 0, "agent x: command, starting"},
        Case{{"--timeout", "1ms"}, "starting", 5, "agent x is not ready after 1 ms"}}) {
    CAPTURE(c.says);
    CliHome const home;
    std::string const agent = "/v1/agents/x";
    std::atomic<int> events{0};
    FakeDaemon daemon(home.socket(), [&](FakeRequest const& request) -> FakeReply {
      json const shown = {
          {"id", "x"}, {"provider", "command"}, {"reason", "no API key"}, {"state", events < 2 ? "starting" : c.end}};
      if (request.path != agent + "/events") return {request.method == "POST" ? 201 : 200, shown};
      if (request.query == "cursor=latest") return json{{"events", json::array()}, {"eventCursor", 7}};
      return streamed([&](FakeStream& stream) {
        for (int i = 0; i < 2; ++i) {
          ++events;
          stream.write(block(8 + i));
        }
        stream.hold();
      });
    });
    std::vector<std::string> words{"spawn", "x", "--provider", "command"};
    words.insert(words.end(), c.options.begin(), c.options.end());
    auto const ran = home.run(words);
    CHECK(ran.status == c.status);
    CHECK_MESSAGE((ran.out + ran.err).find(c.says) != std::string::npos, ran.out, ran.err);
    if (c.options.empty()) CHECK(daemon.last(agent + "/events").query == "cursor=7");
    // Scripts get the agent as it is in every case.
    events = 2;
    words.push_back("--json");
    auto const as_json = home.run(words);
    CHECK(json::parse(as_json.out, nullptr, false).value("id", "") == "x");
  }
}

TEST_CASE("OneAgentsEventsFromNowOnAreFollowed") {
  CliHome const home;
  FakeDaemon daemon(home.socket(), [](FakeRequest const& request) -> FakeReply {
    if (request.path != "/v1/agents/alice/events") return problem(404, "not_found", "no such route");
    CHECK(request.query == "cursor=latest");
    return streamed([](FakeStream& stream) { stream.write(block(2) + block(4)), stream.hold(); });
  });
  CliProcess events(home.program, {"events", "alice", "-f", "--json"}, home.environment(), home.dir());
  CHECK(number_of(events.read_line()) == 2);
  CHECK(number_of(events.read_line()) == 4);
}

TEST_CASE("FollowingAnUnknownAgentFails") {
  CliHome const home;
  FakeDaemon daemon(home.socket(), [](FakeRequest const&) { return problem(404, "agent_not_found", "no agent x"); });
  CHECK(home.run({"events", "x", "-f"}).status == 3);
  CHECK(home.run({"events", "x", "-f", "--from", "1"}).status == 3);
}

TEST_CASE("ACompactionIsWaitedForAndItsFailureTold") {
  CliHome const home;
  std::string outcome = "compaction.finished";
  FakeDaemon daemon(home.socket(), [&](FakeRequest const& request) -> FakeReply {
    if (request.path == "/v1/agents/a/compact") return json{{"id", "a"}, {"state", "idle"}};
    if (request.query == "cursor=latest") return json{{"events", json::array()}, {"eventCursor", 7}};
    CHECK(request.query == "cursor=7");
    return streamed([&](FakeStream& stream) {
      for (auto const& type : {std::string("compaction.started"), outcome})
        stream.write("id: 8\ndata: " + json{{"number", 8}, {"type", type}}.dump() + "\n\n");
      stream.hold();
    });
  });
  CHECK(home.run({"compact", "a"}).out == "a: compacted\n");
  outcome = "compaction.failed";
  auto const failed = home.run({"compact", "a"});
  CHECK(failed.status == 1);
  CHECK(failed.err.find("could not compact its conversation") != std::string::npos);
}

TEST_CASE("PsRedrawsOnEvents") {
  CliHome const home;
  std::atomic<int> listed{0};
  FakeDaemon daemon(home.socket(), [&](FakeRequest const& request) -> FakeReply {
    if (request.path == "/v1/info") return json{{"lastEvent", 9}};
    if (request.path == "/v1/events")
      return streamed([](FakeStream& stream) { stream.write(block(10) + block(11)), stream.hold(); });
    json const same = {{"id", "bob"}, {"state", "idle"}};
    return json{{"agents", {{{"id", "alice"}, {"state", ++listed == 1 ? "idle" : "busy"}}, same}}};
  });
  CliProcess ps(home.program, {"ps", "-w", "--json"}, home.environment(), home.dir());
  CHECK(json::parse(ps.read_line())["state"] == "idle");
  CHECK(json::parse(ps.read_line())["id"] == "bob");
  auto const changed = json::parse(ps.read_line());  // only what changed is said again
  CHECK(changed["id"] == "alice");
  CHECK(changed["state"] == "busy");
  CHECK(daemon.last("/v1/events").query == "cursor=9");
}

TEST_CASE("PsSaysAPauseOfTheRuntimeAsItComesAndGoes") {
  CliHome const home;
  std::atomic<int> asked{0};
  FakeDaemon daemon(home.socket(), [&](FakeRequest const& request) -> FakeReply {
    if (request.path == "/v1/events")
      return streamed([&](FakeStream& stream) {
        for (int event = 10; event < 12; ++event) {
          auto const before = asked.load();
          stream.write(block(event));
          while (asked == before && stream.write(": nothing yet\n\n"))
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        stream.hold();
      });
    if (request.path != "/v1/info") return json{{"agents", json::array()}};
    auto const pass = ++asked;  // the first is for the number of the last event
    return json{{"lastEvent", 9}, {"runtime", {{"state", pass == 3 ? "paused" : "running"}}}};
  });
  CliProcess ps(home.program, {"ps", "-w", "--json"}, home.environment(), home.dir());
  CHECK(json::parse(ps.read_line())["runtime"]["state"] == "paused");
  CHECK(json::parse(ps.read_line())["runtime"]["state"] == "running");
}

TEST_CASE("PsTicksOnATerminalThoughNothingHappens") {
  CliHome const home;
  auto const since = to_iso8601(wall_now());
  FakeDaemon daemon(home.socket(), [&](FakeRequest const& request) -> FakeReply {
    if (request.path == "/v1/info") return json{{"lastEvent", 9}};
    if (request.path == "/v1/events") return streamed([](FakeStream& stream) { stream.hold(); });
    return json{{"agents", {{{"id", "alice"}, {"state", "busy"}, {"since", since}}}}};
  });
  CliProcess ps(home.program, {"ps", "-w"}, home.environment({"TERM=xterm-256color", "NO_COLOR=1"}), home.dir(), true);
  std::set<std::string> ages;
  for (int line = 0; line < 12 && ages.size() < 2; ++line)
    if (auto const shown = ps.read_line(); shown.starts_with("alice")) ages.insert(shown);
  CHECK(ages.size() == 2);
}

TEST_CASE("LogsArePrintedFilteredAndFollowedWithoutADaemon") {
  CliHome const home;
  CHECK(home.run({"logs"}).status == 1);
  std::filesystem::create_directories(home.state());
  auto const log = home.state() / "daemon.log";
  std::ofstream(log) << "start\nagent alice: ready\nagent alice2: ready\nlast\n";
  CHECK(home.run({"logs"}).out == "start\nagent alice: ready\nagent alice2: ready\nlast\n");
  CHECK(home.run({"logs", "alice"}).out == "agent alice: ready\n");
  CHECK(home.run({"logs", "-n", "1"}).out == "last\n");
  CHECK(home.run({"logs", "../x"}).status == 3);
  CHECK(json::parse(home.run({"logs", "-n", "1", "--json"}).out)["line"] == "last");

  CliProcess follow(home.program, {"logs", "-f", "-n", "1"}, home.environment(), home.dir());
  CHECK(follow.read_line() == "last");
  std::ofstream(log, std::ios::app) << "more\n";
  CHECK(follow.read_line() == "more");
}

TEST_CASE("ATranscriptIsPrintedPageByPageAndFollowed") {
  CliHome const home;
  std::atomic<bool> grown{false};
  auto const row = [](int seq, char const* role, char const* type, char const* text) {
    return json{{"seq", seq}, {"time", "2026-01-31T12:00:00.123Z"}, {"role", role}, {"type", type}, {"text", text}};
  };
  json call = row(2, "assistant", "tool_call", ""), result = row(3, "user", "tool_result", "one\ntwo");
  call["tool"] = {{"id", "t"}, {"name", "Bash"}, {"input", {{"command", "ls"}}}};
  result["tool"] = {{"id", "t"}, {"isError", true}};
  FakeDaemon daemon(home.socket(), [&](FakeRequest const& request) -> FakeReply {
    if (request.path.ends_with("/events")) {
      grown = true;
      return streamed([](FakeStream& stream) { stream.write(block(1)), stream.hold(); });
    }
    auto const page = [](json rows, int cursor) {
      return json{{"conversation", "c"}, {"rows", std::move(rows)}, {"cursor", cursor}};
    };
    if (request.query == "cursor=0") {
      auto first = page(json::array({row(1, "user", "text", "a question")}), 10);
      first["nextCursor"] = 10;
      return first;
    }
    if (request.query == "cursor=10") return page(json::array({call, result}), 30);
    return grown ? page(json::array({row(4, "assistant", "text", "the answer")}), 40) : page(json::array(), 30);
  });
  auto const plain = home.run({"transcript", "alice"}).out;
  for (auto const* words :
       {"user\na question\n", "tool Bash\n{\n  \"command\": \"ls\"\n}\n", "tool result, an error\none\ntwo\n"})
    CHECK_MESSAGE(plain.find(words) != std::string::npos, plain);
  CHECK(home.run({"transcript", "alice", "--markdown"}).out ==
        "## user\n\na question\n\n## tool Bash\n\n~~~~\n{\n  \"command\": \"ls\"\n}\n~~~~\n\n"
        "## tool result, an error\n\n~~~~\none\ntwo\n~~~~\n\n");
  CHECK(home.run({"transcript", "alice", "--grep", "two", "--json"}).out == result.dump() + "\n");
  CliProcess follow(home.program, {"transcript", "alice", "-f", "--json"}, home.environment(), home.dir());
  for (int seq : {1, 2, 3, 4}) CHECK(json::parse(follow.read_line())["seq"] == seq);
}
