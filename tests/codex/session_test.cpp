// The delivery protocol against a scripted app server: what the real one does too rarely to wait for.
#include "adapters/codex/session.hpp"

#include "adapters/codex/codex_adapter.hpp"
#include "adapters/codex/protocol.hpp"
#include "app_server.hpp"
#include "base/paths.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <fstream>
#include <map>

using namespace ar;
using namespace ar::adapters;
using namespace ar::terminal;
using namespace std::chrono_literals;
using test::AppServer;

namespace {

/// A terminal that nobody looks at.
class NoTerminal final : public Terminal {
 public:
  std::string const& pane() const override { return name_; }
  std::string const& session() const override { return name_; }
  pid_t pid() const override { return 0; }
  bool alive() const override { return true; }
  void signal(int /*number*/) override {}
  awaitable<Result<Screen>> capture(bool /*with_styles*/) override { co_return Screen(); }
  awaitable<Result<void>> paste(std::string /*text*/, std::string /*label*/) override { co_return no(); }
  awaitable<Result<void>> keys(std::vector<std::string> /*names*/) override { co_return no(); }
  awaitable<Result<void>> paste_and_enter(std::string /*text*/, std::string /*label*/) override { co_return no(); }
  awaitable<Result<void>> leave_copy_mode() override { co_return no(); }
  Result<std::unique_ptr<OutputWatch>> watch_output() override { return no(); }

 private:
  static Error no() { return conflict("typed", "nothing is ever typed into Codex's terminal"); }
  std::string name_ = "%1";
};

struct Room {
  test::TempDir dir;
  net::io_context io{1};
  std::vector<ProviderEvent> events{};
  std::unique_ptr<AppServer> server;
  std::unique_ptr<codex::CodexSession> session;
  Notifier heard{io.get_executor()};
  Worker files;
  SessionContext context{io.get_executor(), files};
  std::int64_t messages = 0;

  Room() {
    std::filesystem::create_directories(dir.path() / "codex");
    server = std::make_unique<AppServer>(io.get_executor(), dir.path() / "codex" / "app.sock");
    server->record = dir.path() / "rollout.jsonl";
    context.terminal = std::make_shared<NoTerminal>();
    context.request.agent_id = "alice";
    context.request.cwd = dir.path();
    context.request.agent_dir = dir.path();
    context.request.environment = {{"HOME", dir.path().string()}, {"PATH", "/bin"}};
    context.emit = [this](ProviderEvent event) {
      events.push_back(std::move(event));
      heard.notify_all();
    };
  }

  template <class Body>
  void run(Body body, std::chrono::seconds limit = std::chrono::seconds(30)) {
    auto const whole = [&]() -> awaitable<void> {
      session = std::make_unique<codex::CodexSession>(context, codex::Options());
      session->start();
      co_await body();
      co_await session->stop();
      co_await server->stop();
    };
    test::run(io, whole, limit);
  }
  awaitable<void> until(std::function<bool()> condition) {
    auto const deadline = Clock::now() + 20s;
    while (!condition()) {
      REQUIRE_MESSAGE(Clock::now() < deadline, session->block_reason(false));
      co_await heard.wait(Clock::now() + 10ms);
    }
  }
  awaitable<void> until_open() {
    return until([this] { return session->block_reason(false).empty(); });
  }
  template <class Event>
  std::vector<Event> all() const {
    std::vector<Event> found;
    for (auto const& event : events)
      if (auto const* one = std::get_if<Event>(&event)) found.push_back(*one);
    return found;
  }
  bool noted(std::string const& type) const {
    return std::ranges::any_of(all<Noted>(), [&](auto const& note) { return note.type == type; });
  }
  Prompt prompt(std::string body, bool urgent = false) {
    Prompt prompt;
    prompt.message_id = ++messages;
    prompt.correlation_id = "00000000" + std::to_string(10 + messages);
    prompt.from = "bob";
    prompt.kind = "chat";
    prompt.body = std::move(body);
    prompt.urgent = urgent;
    prompt.body_file = dir.path() / ("body-" + std::to_string(messages));
    return prompt;
  }
  /// turn/start is answered with this turn; what else happens is for the test.
  void answer_start(std::string const& turn, std::function<void(std::string const& client)> then = {}) {
    server->answers["turn/start"] = [turn, then](json const& params) {
      auto const client = params["clientUserMessageId"].get<std::string>();
      if (then) then(client);
      return AppServer::result({{"turn", {{"id", turn}}}});
    };
  }
  /// hand() beside the test's own steps.
  struct Attempt {
    std::optional<SubmitResult> submission{};
  };
  std::shared_ptr<Attempt> submit(TaskGroup& tasks, Prompt prompt) {
    auto const attempt = std::make_shared<Attempt>();
    auto const go = [](codex::CodexSession& s, Prompt p, std::shared_ptr<Attempt> out) -> awaitable<void> {
      out->submission = co_await s.submit(std::move(p), {});
    };
    tasks.spawn("hand", go(*session, std::move(prompt), attempt));
    return attempt;
  }
};

}  // namespace

TEST_CASE("AMessageIsAcceptedWhenItsItemIsCompleteAndNotBefore") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    room.answer_start("t1", [&](std::string const& client) {
      room.server->turn_started("t1");
      room.server->item(false, client, "t1");
    });
    TaskGroup tasks(room.io.get_executor(), "test");
    auto const prompt = room.prompt("hello");
    auto const attempt = room.submit(tasks, prompt);
    std::function<bool()> const running = [&] { return !room.all<TurnStarted>().empty(); };
    co_await room.until(running);
    co_await sleep_for(50ms);
    CHECK_FALSE(attempt->submission.has_value());
    CHECK((co_await room.session->query_outcome(prompt, false)) == RecordedOutcome::pending);
    room.server->item(true, codex::client_id(prompt.correlation_id), "t1");
    co_await tasks.join();
    CHECK(attempt->submission->outcome == SubmitOutcome::accepted);
    CHECK(room.all<Accepted>().back().proof == "api");
    CHECK((co_await room.session->query_outcome(prompt, false)) == RecordedOutcome::accepted);
    auto const text = room.server->last("turn/start")["input"][0]["text"].get<std::string>();
    CHECK(text == "[agent-runner " + prompt.correlation_id + " · message 1 · from bob · kind chat]\nhello\n[end " +
                      prompt.correlation_id + "]");
    CHECK(room.session->block_reason(false) == "a turn is running");
    CHECK(room.session->block_reason(true).empty());
  });
}

TEST_CASE("ATurnThatWasOverBeforeItsAnswerCameIsNotWaitedFor") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    room.answer_start("t1", [&](std::string const& client) {
      room.server->turn_started("t1");
      room.server->item(true, client, "t1");
      room.server->turn_completed("t1");
    });
    auto const first = co_await room.session->submit(room.prompt("short"), {});
    CHECK(first.outcome == SubmitOutcome::accepted);
    CHECK(room.all<TurnEnded>().size() == 1);
    // The same, and the message was dropped: it is nowhere.
    room.answer_start("t2", [&](std::string const&) {
      room.server->turn_started("t2");
      room.server->turn_completed("t2", "interrupted");
    });
    auto const prompt = room.prompt("dropped");
    auto const second = co_await room.session->submit(prompt, {});
    CHECK(second.outcome == SubmitOutcome::held);
    // Not told, but in the record: it was taken.
    room.answer_start(
        "t3", [&](std::string const& client) {
          std::ofstream(room.server->record)
              << R"({"type":"event_msg","payload":{"type":"item_completed","item":{"type":"UserMessage","client_id":")"
              << client << "\"}}}\n";
          room.server->turn_started("t3");
          room.server->turn_completed("t3", "interrupted");
        });
    auto const third = co_await room.session->submit(room.prompt("recorded"), {});
    CHECK(third.outcome == SubmitOutcome::accepted);
    CHECK(room.all<Accepted>().back().proof == "transcript");
  });
}

TEST_CASE("AFailedTurnSaysWhetherItDidAnythingAndWhenItsLimitEnds") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    int turns = 0;
    std::string const limited = "You've hit your usage limit.";
    auto const turn_with = [&](std::string const& type, std::string const& words) -> awaitable<TurnEnded> {
      auto const turn = "t" + std::to_string(++turns);
      room.server->turn_started(turn);
      room.server->item(true, "ar-" + turn, turn);
      if (!type.empty())
        room.server->notify("item/started",
                            {{"threadId", room.server->thread}, {"turnId", turn}, {"item", {{"type", type}}}});
      room.server->turn_completed(turn, "failed", {{"message", words}, {"codexErrorInfo", "usageLimitExceeded"}});
      auto const before = room.all<TurnEnded>().size();
      std::function<bool()> const ended = [&] { return room.all<TurnEnded>().size() > before; };
      co_await room.until(ended);
      co_return room.all<TurnEnded>().back();
    };
    auto end = co_await turn_with("reasoning", limited);
    CHECK(end.did_nothing);
    CHECK(end.error_kind == "usage_limit");
    CHECK_FALSE(end.resets_at.has_value());
    for (std::string const deed : {"agentMessage", "commandExecution", "mcpToolCall", "somethingNew"}) {
      end = co_await turn_with(deed, limited);
      CHECK_FALSE(end.did_nothing);
    }
    end = co_await turn_with("", limited + " Try again at Feb 9th, 2099 9:15 AM.");
    CHECK(end.did_nothing);
    CHECK(end.resets_at.has_value());
    json const used{{"usedPercent", 100}, {"resetsAt", 1'770'000'000}};
    room.server->notify("account/rateLimits/updated", {{"rateLimits", {{"primary", used}}}});
    end = co_await turn_with("", limited);
    CHECK(end.resets_at == from_millis(1'770'000'000'000));

    // What it does while nobody listens is not known to be nothing.
    room.server->turn_started("unheard");
    std::function<bool()> const runs = [&] { return room.session->block_reason(false) == "a turn is running"; };
    co_await room.until(runs);
    room.server->drop();
    json const failed{{"id", "unheard"},
                      {"status", "failed"},
                      {"error", {{"message", limited}, {"codexErrorInfo", "usageLimitExceeded"}}}};
    room.server->answers["thread/turns/list"] = [failed](json const&) {
      return AppServer::result({{"data", json::array({failed})}});
    };
    auto const before = room.all<TurnEnded>().size();
    std::function<bool()> const ended = [&] { return room.all<TurnEnded>().size() > before; };
    co_await room.until(ended);
    CHECK_FALSE(room.all<TurnEnded>().back().did_nothing);
  });
}

TEST_CASE("ARecordThatCannotBeReadIsNoProofOfAbsence") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    std::filesystem::create_directories(room.server->record);
    room.answer_start("t1", [&](std::string const&) {
      room.server->turn_started("t1");
      room.server->turn_completed("t1", "interrupted");
    });
    auto const prompt = room.prompt("taken or not");
    auto const submission = co_await room.session->submit(prompt, {});
    CHECK(submission.outcome == SubmitOutcome::unknown);
    CHECK((co_await room.session->query_outcome(prompt, false)) == RecordedOutcome::pending);
    auto const offline = [&](std::filesystem::path const& record) {
      return make_codex_adapter()->look_up_outcome({}, record.string(), prompt);
    };
    CHECK(offline(room.server->record) == RecordedOutcome::blind);
    std::ofstream(room.dir.path() / "file") << "x";
    CHECK(offline(room.dir.path() / "file" / "r.jsonl") == RecordedOutcome::blind);
    CHECK(offline(room.dir.path() / "none" / "r.jsonl") == RecordedOutcome::absent);
    std::filesystem::remove(room.server->record);
    CHECK((co_await room.session->query_outcome(prompt, false)) == RecordedOutcome::absent);
  });
}

TEST_CASE("ATurnsEndIsReadFromTheRecord") {
  using Outcome = TurnEnded::Outcome;
  test::TempDir dir;
  auto const file = dir.path() / "rollout.jsonl";
  auto const told = [&](char const* type, std::string const& turn, json more = json::object()) {
    more["type"] = type;
    if (!turn.empty()) more["turn_id"] = turn;
    std::ofstream(file, std::ios::app) << json{{"type", "event_msg"}, {"payload", more}}.dump() << "\n";
  };
  auto const taken = [&](std::string const& correlation_id, std::string const& turn) {
    told("item_completed", turn,
         {{"item", {{"type", "UserMessage"}, {"client_id", codex::client_id(correlation_id)}}}});
  };
  CHECK_FALSE(codex::turn_end_in(file, {"n1"}).has_value());
  told("task_started", "t1");
  taken("n1", "t1");
  CHECK_FALSE(codex::turn_end_in(file, {"n1"}).has_value());
  told("task_complete", "t1", {{"last_agent_message", "42"}});
  told("task_started", "t2");
  taken("n2", "");
  told("task_complete", "t2",
       {{"last_agent_message", nullptr},
        {"error",
         {{"message", "no"}, {"codex_error_info", {{"http_connection_failed", {{"http_status_code", 401}}}}}}}});
  told("task_started", "t3");
  taken("n3", "t3");
  told("turn_aborted", "t3", {{"reason", "interrupted"}});
  told("task_started", "t4");
  taken("n4", "t4");
  told("task_started", "t5");  // t4's process has died
  told("task_complete", "t5", {{"last_agent_message", "another turn's"}});

  auto end = codex::turn_end_in(file, {"n1"});
  REQUIRE(end.has_value());
  CHECK(end->outcome == Outcome::completed);
  CHECK(end->final_text == "42");
  end = codex::turn_end_in(file, {"n1", "n2"});
  REQUIRE(end.has_value());
  CHECK(end->outcome == Outcome::failed);
  CHECK(end->error == "no");
  CHECK(end->error_kind == "authentication_failed");
  CHECK(end->did_nothing);
  end = codex::turn_end_in(file, {"n3"});
  REQUIRE(end.has_value());
  CHECK(end->outcome == Outcome::interrupted);
  CHECK_FALSE(codex::turn_end_in(file, {"n4"}).has_value());
  CHECK_FALSE(codex::turn_end_in(dir.path(), {"n1"}).has_value());

  // One that a limit ends, before or after the model has done something.
  int number = 10;
  for (auto const* did : {"reasoning", "message", "function_call"}) {
    auto const turn = "t" + std::to_string(++number), correlation_id = "n" + std::to_string(number);
    told("task_started", turn);
    taken(correlation_id, turn);
    json item{{"type", did}};
    if (did == std::string("message")) item["role"] = "assistant";
    std::ofstream(file, std::ios::app) << json{{"type", "response_item"}, {"payload", item}}.dump() << "\n";
    told("task_complete", turn,
         {{"error", {{"message", "Try again at 3:04 PM."}, {"codex_error_info", "usage_limit_exceeded"}}}});
    end = codex::turn_end_in(file, {correlation_id});
    REQUIRE(end.has_value());
    CHECK(end->error_kind == "usage_limit");
    CHECK(end->did_nothing == (did == std::string("reasoning")));
  }
}

TEST_CASE("ALostConnectionLeavesTheMessageUnknownAndTheRecordTells") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    room.answer_start("t1", [&](std::string const&) { room.server->turn_started("t1"); });
    TaskGroup tasks(room.io.get_executor(), "test");
    auto const prompt = room.prompt("on its way");
    auto const attempt = room.submit(tasks, prompt);
    std::function<bool()> const sent = [&] { return !room.all<TurnStarted>().empty(); };
    co_await room.until(sent);
    // The server lives on, the turn ends, and nobody heard of it.
    room.server->answers["thread/turns/list"] = [](json const&) {
      return AppServer::result(
          {{"data", json::array({{{"id", "t1"}, {"status", "failed"}, {"error", {{"message", "no"}}}}})}});
    };
    room.server->drop();
    co_await tasks.join();
    CHECK(attempt->submission->outcome == SubmitOutcome::unknown);
    CHECK((co_await room.session->query_outcome(prompt, false)) == RecordedOutcome::pending);
    co_await room.until_open();
    CHECK(room.all<Ready>().size() == 1);
    CHECK(room.all<TurnEnded>().back().outcome == TurnEnded::Outcome::failed);
    CHECK((co_await room.session->query_outcome(prompt, false)) == RecordedOutcome::absent);
    CHECK(room.server->last("thread/resume")["excludeTurns"] == true);
  });
}

TEST_CASE("MalformedFramesEndTheConnectionAndNotTheSession") {
  Room room;
  room.run([&]() -> awaitable<void> {
    for (std::string const bad : {"{\"method\":", "[1,2]", "\"x\"", "\xff\xfe"}) {
      co_await room.until_open();
      auto const before = room.server->count("initialize");
      room.server->send(bad);
      std::function<bool()> const again = [&] { return room.server->count("initialize") > before; };
      co_await room.until(again);
    }
    co_await room.until_open();
    // Strange but harmless: unknown methods, answers that nobody asked for, fields of other types.
    room.server->send(R"({"id":999999,"result":{}})");
    room.server->send(R"({"method":"something/new","params":[1,2]})");
    room.server->send(R"({"method":"item/completed","params":{"threadId":"thread-1","item":7}})");
    room.server->send(R"({"method":"error","params":{"threadId":"thread-1","willRetry":null,"error":[]}})");
    room.server->send(R"({"method":"thread/started","params":{"thread":{"id":"t9","ephemeral":"no"}}})");
    room.server->send(R"({"method":"turn/completed","params":{"threadId":"thread-1","turn":{"id":5}}})");
    room.server->send(
        R"({"method":"thread/tokenUsage/updated","params":{"threadId":"thread-1","tokenUsage":{"last":"x"}}})");
    room.answer_start("t1", [&](std::string const& client) { room.server->item(true, client, "t1"); });
    auto const submission = co_await room.session->submit(room.prompt("well"), {});
    CHECK(submission.outcome == SubmitOutcome::accepted);
    CHECK(room.all<Ready>().size() == 1);
  });
}

TEST_CASE("AThreadBeginsWithTheModelAndTheEffort") {
  Room room;
  room.context.request.model = "gpt-large";
  room.context.request.effort = "high";
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    CHECK(room.server->last("thread/start")["model"] == "gpt-large");
    CHECK(room.server->last("thread/start")["config"]["model_reasoning_effort"] == "high");
  });
}

TEST_CASE("ASubagentIsWorkAsLongAsItsThreadIsActive") {
  Room room;
  json const busy{{"type", "active"}, {"activeFlags", json::array()}}, idle{{"type", "idle"}};
  auto const told = [&](std::string const& id, json const& status) {
    room.server->notify("thread/status/changed", {{"threadId", id}, {"status", status}});
  };
  std::map<std::string, json> threads;
  auto const add = [&](std::string const& id, json const& status, json const& parent) {
    threads[id] = {{"id", id},
                   {"status", status},
                   {"parentThreadId", parent},
                   {"agentNickname", "Ada"},
                   {"agentRole", "explorer"}};
  };
  add("s1", idle, room.server->thread);
  add("s2", busy, "s1");  // a subagent's subagent
  add("theirs", busy, nullptr);
  room.server->answers["thread/read"] = [&](json const& which) {
    return AppServer::result({{"thread", threads.at(which["threadId"].get<std::string>())}});
  };
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    for (auto const* thread : {"s1", "s2", "theirs"}) {
      told(thread, idle);
      told(thread, busy);
      told(thread, busy);
    }
    std::function<bool()> const both = [&] {
      return room.all<WorkStarted>().size() == 2 && room.server->count("thread/read") == 3;
    };
    co_await room.until(both);
    auto const started = room.all<WorkStarted>();
    CHECK(started[0].kind == "subagent");
    CHECK(started[0].id == "s1");
    CHECK(started[0].label == "Ada");
    CHECK(started[0].role == "explorer");
    CHECK(started[0].parent_id.empty());
    CHECK(started[1].id == "s2");
    CHECK(started[1].parent_id == "s1");
    told("theirs", idle);
    told("s1", idle);
    told("s1", {{"type", "notLoaded"}});
    std::function<bool()> const one = [&] { return room.all<WorkFinished>().size() == 1; };
    co_await room.until(one);
    CHECK(room.all<WorkFinished>()[0].id == "s1");

    // It ends before anybody knows whose it is.
    room.server->answers["thread/read"] = [&](json const& which) {
      told("s1", idle);
      return AppServer::result({{"thread", threads.at(which["threadId"].get<std::string>())}});
    };
    add("s1", busy, room.server->thread);
    told("s1", busy);
    std::function<bool()> const asked = [&] { return room.server->count("thread/read") == 4; };
    co_await room.until(asked);
    told("s2", idle);
    std::function<bool()> const two = [&] { return room.all<WorkFinished>().size() == 2; };
    co_await room.until(two);
    CHECK(room.all<WorkStarted>().size() == 2);
    CHECK(room.all<WorkFinished>()[1].id == "s2");
    CHECK_FALSE(room.noted("view.returned"));
  });
}

TEST_CASE("SubagentsThatWorkOnWithoutAConnectionAreFoundAgain") {
  Room room;
  json const busy{{"type", "active"}, {"activeFlags", json::array()}}, idle{{"type", "idle"}};
  room.server->answers["thread/read"] = [&](json const& which) {
    auto const id = which["threadId"].get<std::string>();
    json const source{{"subAgent", "review"}};
    return AppServer::result({{"thread", {{"id", id}, {"status", id == "s1" ? busy : idle}, {"source", source}}}});
  };
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    for (auto const* thread : {"s1", "s2"})
      room.server->notify("thread/status/changed", {{"threadId", thread}, {"status", busy}});
    std::function<bool()> const both = [&] { return room.all<WorkStarted>().size() == 2; };
    co_await room.until(both);
    room.server->answers["thread/loaded/list"] = [&](json const&) {
      return AppServer::result({{"data", {room.server->thread, "s1", "s2", 7}}});
    };
    room.server->drop();
    std::function<bool()> const again = [&] { return room.all<WorkStarted>().size() == 3; };
    co_await room.until(again);
    CHECK(room.all<WorkStarted>()[2].id == "s1");
    CHECK(room.all<WorkFinished>().size() == 2);
  });
}

TEST_CASE("HugeOutputPassesThrough") {
  Room room;
  room.run(
      [&]() -> awaitable<void> {
        co_await room.until_open();
        json item{{"type", "commandExecution"},
                  {"id", "c"},
                  {"status", "completed"},
                  {"aggregatedOutput", std::string(30U << 20, 'x')}};
        room.server->notify("item/completed", {{"threadId", "thread-1"}, {"item", std::move(item)}});
        std::function<bool()> const told = [&] { return room.noted("tool.finished"); };
        co_await room.until(told);
        CHECK(to_text(room.all<Noted>().back().data).size() < 10'000);
      },
      std::chrono::seconds(120));  // it takes its time under a sanitizer
}

TEST_CASE("WhatTheServerRefusesIsHeldOrRefused") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    room.server->answers["turn/start"] = [](json const&) {
      return AppServer::error("Server is draining; retry after reconnecting");
    };
    auto const held = co_await room.session->submit(room.prompt("a"), {});
    CHECK(held.outcome == SubmitOutcome::held);
    CHECK(held.reason.find("draining") != std::string::npos);
    room.server->answers["turn/start"] = [](json const&) {
      return AppServer::error("Input exceeds the maximum length of 1048576 characters.");
    };
    auto const refused = co_await room.session->submit(room.prompt("b"), {});
    CHECK(refused.outcome == SubmitOutcome::refused);
    room.server->answers["turn/start"] = [](json const&) { return AppServer::error("thread not found: thread-1"); };
    auto const before = room.server->count("thread/resume");
    auto const unloaded = co_await room.session->submit(room.prompt("c"), {});
    CHECK(unloaded.outcome == SubmitOutcome::held);
    std::function<bool()> const resumed = [&] { return room.server->count("thread/resume") > before; };
    co_await room.until(resumed);
  });
}

TEST_CASE("AnUrgentMessageSteersAndFallsBackToATurnOfItsOwn") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    room.server->turn_started("t1");
    std::function<bool()> const busy = [&] { return !room.session->block_reason(false).empty(); };
    co_await room.until(busy);
    auto const waits = co_await room.session->submit(room.prompt("patient"), {});
    CHECK(waits.outcome == SubmitOutcome::held);
    room.server->answers["turn/steer"] = [&](json const& params) {
      room.server->item(true, params["clientUserMessageId"], "t1");
      return AppServer::result({{"turnId", "t1"}});
    };
    auto const steered = co_await room.session->submit(room.prompt("urgent", true), {});
    CHECK(steered.outcome == SubmitOutcome::accepted);
    CHECK(room.server->last("turn/steer")["expectedTurnId"] == "t1");
    room.server->answers["turn/steer"] = [](json const&) { return AppServer::error("no active turn to steer"); };
    room.answer_start("t2", [&](std::string const& client) { room.server->item(true, client, "t2"); });
    auto const started = co_await room.session->submit(room.prompt("too late to steer", true), {});
    CHECK(started.outcome == SubmitOutcome::accepted);
    room.server->answers["turn/steer"] = [](json const&) { return AppServer::error("activeTurnNotSteerable"); };
    auto const held = co_await room.session->submit(room.prompt("not now", true), {});
    CHECK(held.outcome == SubmitOutcome::held);
  });
}

TEST_CASE("ImagesGoBesideTheTextThatNamesThem") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    auto const image = [&](char const* name) {
      return json{{"type", "localImage"}, {"path", (room.dir.path() / name).string()}};
    };
    auto const with_images = [&](bool urgent) {
      auto prompt = room.prompt("look", urgent);
      for (auto const* name : {"a.png", "notes.txt", "b"})
        prompt.attachments.push_back((room.dir.path() / name).string());
      for (auto const* name : {"a.png", "b"}) prompt.images.push_back(room.dir.path() / name);
      return prompt;
    };
    auto const check = [&](json const& input) {
      REQUIRE(input.size() == 3);
      auto const text = input[0]["text"].get<std::string>();
      for (auto const* name : {"a.png", "notes.txt", "b"})
        CHECK(text.find("[attachment: " + (room.dir.path() / name).string() + "]") != std::string::npos);
      CHECK(input[1] == image("a.png"));
      CHECK(input[2] == image("b"));
    };
    room.answer_start("t1", [&](std::string const& client) {
      room.server->turn_started("t1");
      room.server->item(true, client, "t1");
    });
    CHECK((co_await room.session->submit(with_images(false), {})).outcome == SubmitOutcome::accepted);
    check(room.server->last("turn/start")["input"]);
    room.server->answers["turn/steer"] = [&](json const& params) {
      room.server->item(true, params["clientUserMessageId"], "t1");
      return AppServer::result({{"turnId", "t1"}});
    };
    CHECK((co_await room.session->submit(with_images(true), {})).outcome == SubmitOutcome::accepted);
    check(room.server->last("turn/steer")["input"]);
  });
}

TEST_CASE("ATextThatWouldLoadASkillGoesAsAFile") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    room.answer_start("t", [&](std::string const& client) { room.server->item(true, client, "t"); });
    auto prompt = room.prompt("run $deploy now");
    prompt.subject = "$deploy";
    CHECK((co_await room.session->submit(prompt, {})).outcome == SubmitOutcome::accepted);
    auto const text = room.server->last("turn/start")["input"][0]["text"].get<std::string>();
    CHECK(text.find("$deploy") == std::string::npos);
    CHECK(*read_file(prompt.body_file, 100) == "run $deploy now");
    CHECK((co_await room.session->submit(room.prompt("echo $HOME $1 $"), {})).outcome == SubmitOutcome::accepted);
    CHECK(room.server->last("turn/start")["input"][0]["text"].get<std::string>().find("echo $HOME $1 $") !=
          std::string::npos);
  });
}

TEST_CASE("ARequestIsLeftToThePersonAndClosesTheGateUntilItIsAnswered") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    room.server->turn_started("t1");
    room.server->send(
        R"({"id":0,"method":"item/commandExecution/requestApproval","params":{"threadId":"thread-1","turnId":"t1","command":"rm x"}})");
    std::function<bool()> const asked = [&] { return !room.all<WaitingForPerson>().empty(); };
    co_await room.until(asked);
    CHECK(room.all<WaitingForPerson>().back().what == "approval of the command rm x");
    CHECK(room.session->block_reason(true) == "waiting for a person: approval of the command rm x");
    // Of another thread: not ours to tell.
    room.server->send(R"({"id":1,"method":"item/fileChange/requestApproval","params":{"threadId":"other"}})");
    room.server->notify("serverRequest/resolved", {{"threadId", "thread-1"}, {"requestId", 0}});
    std::function<bool()> const over = [&] { return !room.all<WaitingOver>().empty(); };
    co_await room.until(over);
    CHECK(room.session->block_reason(true).empty());
    for (auto const& frame : room.server->received) CHECK(frame.contains("method"));  // it answered nothing
    // One that the turn's end makes void.
    room.server->send(
        R"({"id":"q","method":"item/tool/requestUserInput","params":{"threadId":"thread-1","questions":[{"question":"Which?"}]}})");
    std::function<bool()> const again = [&] { return room.all<WaitingForPerson>().size() == 2; };
    co_await room.until(again);
    CHECK(room.all<WaitingForPerson>().back().what == "an answer: Which?");
    room.server->turn_completed("t1", "interrupted");
    co_await room.until_open();
    CHECK(room.all<WaitingOver>().size() == 2);
  });
}

TEST_CASE("ADecisionIsTheResultOfTheServersRequest") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    room.server->turn_started("t1");
    std::int64_t number = 10;
    json frame;
    auto const decide = [&](char const* method, json params, Answer answer) -> awaitable<void> {
      auto const id = number++;
      params["threadId"] = "thread-1";
      params["itemId"] = "i";
      auto const asked_before = room.all<Asked>().size();
      room.server->send(json{{"id", id}, {"method", method}, {"params", params}}.dump());
      std::function<bool()> const asked = [&] { return room.all<Asked>().size() > asked_before; };
      co_await room.until(asked);
      CHECK(room.all<Asked>().back().request.key == "i/" + std::to_string(id));
      room.session->answer(room.all<Asked>().back().request.key, answer);
      room.session->answer(room.all<Asked>().back().request.key, answer);  // told twice, said once
      auto const answer_to = [&]() -> json const* {
        for (auto const& one : room.server->received)
          if (!one.contains("method") && one.value("id", -1) == id) return &one;
        return nullptr;
      };
      std::function<bool()> const answered = [&] { return answer_to() != nullptr; };
      co_await room.until(answered);
      frame = (*answer_to())["result"];
      room.server->notify("serverRequest/resolved", {{"threadId", "thread-1"}, {"requestId", id}});
    };
    json const command = {{"command", "rm x"}};
    co_await decide("item/commandExecution/requestApproval", command, {Decision::approve});
    CHECK(frame["decision"] == "accept");
    co_await decide("item/commandExecution/requestApproval", command, {Decision::approve_session});
    CHECK(frame["decision"] == "acceptForSession");
    co_await decide("item/fileChange/requestApproval", json::object(), {Decision::deny});
    CHECK(frame["decision"] == "decline");
    CHECK(room.server->count("turn/steer") == 0);
    room.server->answers["turn/steer"] = [](json const&) { return AppServer::result({{"turnId", "t1"}}); };
    co_await decide("item/commandExecution/requestApproval", command, {Decision::deny, "not now"});
    CHECK(frame["decision"] == "decline");
    auto const told = room.server->last("turn/steer");  // the server has no words for a reason
    CHECK(told["expectedTurnId"] == "t1");
    CHECK(told["input"][0]["text"].get<std::string>().find("not now") != std::string::npos);
    co_await decide("item/fileChange/requestApproval", json::object(), {Decision::abort});
    CHECK(frame["decision"] == "cancel");
    json const wish = {{"permissions", {{"network", {{"enabled", true}}}}}};
    co_await decide("item/permissions/requestApproval", wish, {Decision::approve_session});
    CHECK(frame["scope"] == "session");
    CHECK(frame["permissions"] == wish["permissions"]);
    co_await decide("item/permissions/requestApproval", wish, {Decision::deny});
    CHECK(frame["permissions"] == json::object());
    json const question = {{"questions",
                            {{{"id", "q1"},
                              {"question", "Which?"},
                              {"isOther", false},
                              {"options", {{{"label", "A"}}, {{"label", "B"}}}}}}}};
    co_await decide("item/tool/requestUserInput", question, {Decision::answer, "", {{"B"}}});
    CHECK(frame["answers"]["q1"]["answers"] == json::array({"B"}));
    CHECK(!room.all<Asked>().back().request.questions[0].free_text);
    co_await decide("item/tool/requestUserInput", question, {Decision::deny, "nobody knows"});
    CHECK(frame["answers"]["q1"]["answers"][0] == "No answer: nobody knows");
    json form = {{"serverName", "files"}, {"mode", "form"}, {"message", "How many?"}};
    form["requestedSchema"]["properties"]["count"] = {{"type", "integer"}};
    co_await decide("mcpServer/elicitation/request", form, {Decision::answer, "", {{"5"}}});
    CHECK(frame["action"] == "accept");
    CHECK(frame["content"]["count"] == 5);
    for (auto const* no_integer : {"1.5", "1e300", "9223372036854775808", "five"}) {
      co_await decide("mcpServer/elicitation/request", form, {Decision::answer, "", {{no_integer}}});
      CHECK(frame["content"]["count"] == no_integer);
    }
    form["requestedSchema"]["properties"] = json::object();
    co_await decide("mcpServer/elicitation/request", form, {Decision::deny});
    CHECK(frame["action"] == "decline");
    CHECK(room.all<AskEnded>().empty());
  });
}

TEST_CASE("AnUnknownRequestIsRefusedRatherThanLeftToHang") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    room.server->send(R"({"id":"x","method":"item/tool/call","params":{"threadId":"thread-1","tool":"t"}})");
    room.server->send(R"({"id":"y","method":"item/tool/call","params":{"threadId":"other","tool":"t"}})");
    auto const refused = [&](char const* id) {
      for (auto const& frame : room.server->received)
        if (frame.contains("error") && frame.value("id", "") == id) return true;
      return false;
    };
    std::function<bool()> const told = [&] { return refused("x"); };
    co_await room.until(told);
    CHECK(!refused("y"));
    CHECK(room.all<Asked>().empty());
  });
}

TEST_CASE("AfterALostConnectionTheSameRequestHasTheSameKey") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    room.server->turn_started("t1");
    auto const ask =
        R"({"id":3,"method":"item/fileChange/requestApproval","params":{"threadId":"thread-1","itemId":"i"}})";
    room.server->send(ask);
    std::function<bool()> const once = [&] { return room.all<Asked>().size() == 1; };
    co_await room.until(once);
    room.server->status = {{"type", "active"}, {"activeFlags", json::array({"waitingOnApproval"})}};
    room.server->answers["thread/turns/list"] = [](json const&) {
      return AppServer::result({{"data", json::array({json{{"id", "t1"}, {"status", "inProgress"}}})}});
    };
    room.server->drop();
    room.session->answer("i/3", {Decision::approve});  // lost on its way
    std::function<bool()> const back = [&] { return room.server->count("thread/resume") == 1; };
    co_await room.until(back);
    room.server->send(ask);
    std::function<bool()> const twice = [&] { return room.all<Asked>().size() == 2; };
    co_await room.until(twice);
    CHECK(room.all<Asked>()[0].request.key == room.all<Asked>()[1].request.key);
    CHECK(room.all<NothingAsked>().empty());
    // A person answers on the screen.
    room.server->notify("serverRequest/resolved", {{"threadId", "thread-1"}, {"requestId", 3}});
    std::function<bool()> const over = [&] { return room.all<AskEnded>().size() == 1; };
    co_await room.until(over);
    CHECK(room.all<AskEnded>()[0].answered);
  });
}

TEST_CASE("WithoutALoginAPersonIsToldWhatToDo") {
  Room room;
  room.server->answers["account/read"] = [](json const&) {
    return AppServer::result({{"account", nullptr}, {"requiresOpenaiAuth", true}});
  };
  room.run([&]() -> awaitable<void> {
    std::function<bool()> const told = [&] { return !room.all<WaitingForPerson>().empty(); };
    co_await room.until(told);
    CHECK(room.all<WaitingForPerson>().back().what.find("codex login") != std::string::npos);
    CHECK((co_await room.session->submit(room.prompt("x"), {})).outcome == SubmitOutcome::held);
    CHECK(room.server->count("thread/start") == 0);
    room.server->answers["account/read"] = [](json const&) {
      return AppServer::result({{"account", {{"type", "apiKey"}}}, {"requiresOpenaiAuth", true}});
    };
    co_await room.until_open();
    CHECK(room.all<Ready>().size() == 1);
  });
}

TEST_CASE("AConfigurationThatCodexCannotReadIsNamed") {
  json const missing_program = {{"summary", "no bubblewrap"}, {"details", nullptr}};
  json const ignored = {{"summary", "Invalid configuration; using defaults."},
                        {"details", "/c/config.toml:2:19: unclosed table,\nexpected `]`"},
                        {"path", "/c/config.toml"}};
  json const doubtful = {{"summary", "unknown key"}, {"details", nullptr}, {"path", "/c/config.toml"}};
  struct Case {
    json warning;
    bool logged_in;
    std::string told;  ///< empty: nothing is in the way
  };
  for (auto const& c : {Case{ignored, false, "(/c/config.toml:2:19: unclosed table, expected `]`)"},
                        Case{ignored, true, "(/c/config.toml:2:19: unclosed table, expected `]`)"},
                        Case{doubtful, false, "(unknown key)"}, Case{doubtful, true, ""},
                        Case{missing_program, false, "codex login"}, Case{missing_program, true, ""}}) {
    CAPTURE(c.warning.dump());
    Room room;
    room.server->answers["account/read"] = [&](json const&) {
      room.server->notify("configWarning", c.warning);  // it comes before the answer
      json const account = {{"type", "apiKey"}};
      return AppServer::result({{"account", c.logged_in ? account : json()}, {"requiresOpenaiAuth", true}});
    };
    room.run([&]() -> awaitable<void> {
      if (c.told.empty()) {
        co_await room.until_open();
        co_return;
      }
      std::function<bool()> const told = [&] { return !room.all<WaitingForPerson>().empty(); };
      co_await room.until(told);
      auto const what = room.all<WaitingForPerson>().back().what;
      CHECK_MESSAGE(what.find(c.told) != std::string::npos, what);
    });
  }
}

TEST_CASE("ALockedThreadIsSaidAndALostOneIsReplaced") {
  Room room;
  room.context.session_id = "thread-0";
  room.server->answers["thread/resume"] = [](json const&) {
    return AppServer::error("thread thread-0 already has an active writer");
  };
  room.run([&]() -> awaitable<void> {
    std::function<bool()> const told = [&] { return !room.all<WaitingForPerson>().empty(); };
    co_await room.until(told);
    CHECK(room.all<WaitingForPerson>().back().what.find("thread-0") != std::string::npos);
    room.server->answers["thread/resume"] = [](json const&) {
      return AppServer::error("no rollout found for thread id thread-0");
    };
    co_await room.until_open();
    CHECK(room.noted("session.lost"));
    CHECK(room.all<Ready>().back().session_id == "thread-1");
    auto written = [file = room.dir.path() / "codex" / "thread"] { return *read_file(file, 100); };
    CHECK(co_await room.files.run(written) == "thread-1\n");  // after what it was given before
  });
}

TEST_CASE("WhatRunsIsAskedOfTheServer") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    json status = {{"type", "idle"}};
    json commands = json::array();
    room.server->answers["thread/read"] = [&](json const& params) {
      CHECK(params["threadId"] == room.server->thread);
      return AppServer::result({{"thread", {{"status", status}}}});
    };
    room.server->answers["thread/backgroundTerminals/list"] = [&](json const&) {
      return AppServer::result({{"data", commands}});
    };
    auto work = co_await room.session->running_work();
    CHECK(work.empty());
    status = {{"type", "active"}, {"activeFlags", json::array()}};
    work = co_await room.session->running_work();
    CHECK(work == "a turn");
    status = {{"type", "idle"}};
    commands.push_back({{"command", "make all"}, {"processId", "1"}});
    work = co_await room.session->running_work();
    CHECK(work == "a command in the background: make all");
    // A version that cannot list them, and one that does not say how it is.
    room.server->answers["thread/backgroundTerminals/list"] = [](json const&) { return AppServer::error("unknown"); };
    work = co_await room.session->running_work();
    CHECK(work.empty());
    room.server->answers["thread/read"] = [](json const&) { return AppServer::error("broken"); };
    work = co_await room.session->running_work();
    CHECK(work.find("broken") != std::string::npos);
  });
}

TEST_CASE("AnAdoptedSessionFindsItsThreadAndTheTurnThatRuns") {
  Room room;
  room.context.adopted = true;  // the daemon died before it had noted the thread
  REQUIRE(write_file(room.dir.path() / "codex" / "thread", "thread-1\n").has_value());
  room.server->status = {{"type", "active"}, {"activeFlags", json::array({"waitingOnApproval"})}};
  room.server->answers["thread/turns/list"] = [](json const&) {
    return AppServer::result({{"data", json::array({{{"id", "t7"}, {"status", "inProgress"}}})}});
  };
  room.run([&]() -> awaitable<void> {
    std::function<bool()> const told = [&] { return !room.all<WaitingForPerson>().empty(); };
    co_await room.until(told);
    REQUIRE(room.all<Ready>().size() == 1);
    CHECK(room.all<Ready>().back().turn_runs);
    CHECK(room.server->last("thread/resume")["threadId"] == "thread-1");
    CHECK_FALSE(room.server->last("thread/resume").contains("approvalPolicy"));
    room.server->answers["turn/interrupt"] = [&](json const& params) {
      room.server->turn_completed(params["turnId"], "interrupted");
      return AppServer::result(json::object());
    };
    CHECK((co_await room.session->interrupt()).has_value());
    CHECK(room.all<TurnEnded>().back().outcome == TurnEnded::Outcome::interrupted);
  });
}

TEST_CASE("APersonsNewThreadSendsTheScreenBackAndHelpersDoNot") {
  Room room;
  room.run([&]() -> awaitable<void> {
    co_await room.until_open();
    auto const started = [&](json thread) { room.server->notify("thread/started", {{"thread", std::move(thread)}}); };
    started({{"id", "title"}, {"ephemeral", true}});
    started({{"id", "helper"}, {"parentThreadId", "thread-1"}});
    started({{"id", "helper2"}, {"source", {{"subAgent", "review"}}}});
    started({{"id", "thread-1"}});
    room.server->turn_started("t");
    std::function<bool()> const busy = [&] { return !room.all<TurnStarted>().empty(); };
    co_await room.until(busy);
    CHECK_FALSE(room.noted("view.returned"));
    started({{"id", "persons"}, {"ephemeral", false}, {"source", "cli"}});
    std::function<bool()> const returned = [&] { return room.noted("view.returned"); };
    co_await room.until(returned);
  });
}
