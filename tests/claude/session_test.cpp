// The delivery protocol against a scripted terminal: the CLIs that misbehave, which the real one does too
// rarely to wait for. Time is frozen and moved on by the test.
#include "adapters/claude/session.hpp"

#include "adapters/claude/claude_adapter.hpp"
#include "base/json.hpp"
#include "base/paths.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

using namespace ar;
using namespace ar::adapters;
using namespace ar::terminal;
using namespace std::chrono_literals;

namespace {

/// A terminal with a program that has a composer; what it does on Enter is the test's.
class FakeCli final : public Terminal {
 public:
  explicit FakeCli(Executor executor) : wrote_(std::move(executor)) {}

  std::string composer{}, conversation{}, dialog{}, footer = "  ? for shortcuts";
  bool living = true, refuses_pastes = false;
  std::string set_aside{};  ///< there is room for one draft
  int enters = 0;
  std::vector<std::string> pressed{};
  std::function<void()> on_paste{}, on_enter{}, on_escape{}, on_refusal{};

  void draw() {
    ++version_;
    wrote_.notify_all();
  }
  /// How a long paste is shown, and in a small terminal any.
  static std::string label(int number, std::string const& text) {
    return "[Pasted text #" + std::to_string(number) + " +" + std::to_string(std::ranges::count(text, '\n')) +
           " lines]";
  }

  std::string const& pane() const override { return name_; }
  std::string const& session() const override { return name_; }
  pid_t pid() const override { return 4711; }
  bool alive() const override { return living; }
  void signal(int /*number*/) override {}
  awaitable<Result<Screen>> capture(bool /*with_styles*/) override {
    Screen screen;
    screen.command = "claude";
    std::string line;
    for (int i = 0; i < 40; ++i) line += "\u2500";
    screen.lines = {conversation, line};
    std::istringstream in(dialog);
    if (!dialog.empty())
      for (std::string text; std::getline(in, text);) screen.lines.push_back(text);
    else
      show_composer(screen, line);
    co_return screen;
  }
  awaitable<Result<void>> paste(std::string text, std::string /*label*/) override {
    if (refuses_pastes) {
      if (on_refusal) on_refusal();
      co_return conflict("not_typed", "too much");
    }
    pasted = text;
    ++pastes;
    if (on_paste)
      on_paste();
    else
      composer += std::ranges::count(text, '\n') > 2 || text.size() > 800 ? label(pastes, text) : text;
    draw();
    co_return Result<void>();
  }
  awaitable<Result<void>> keys(std::vector<std::string> names) override {
    for (auto const& name : names) {
      pressed.push_back(name);
      if (name == "C-u") composer.clear();
      if (name == "C-s") stash();
      if (name == "Escape" && on_escape) on_escape();
      if (name != "Enter") continue;
      ++enters;
      if (on_enter) on_enter();
    }
    draw();
    co_return Result<void>();
  }
  awaitable<Result<void>> paste_and_enter(std::string /*text*/, std::string /*label*/) override {
    co_return Result<void>();
  }
  awaitable<Result<void>> leave_copy_mode() override { co_return Result<void>(); }
  Result<std::unique_ptr<OutputWatch>> watch_output() override {
    return std::unique_ptr<OutputWatch>(std::make_unique<Watch>(*this));
  }

  void stash() {
    auto const drafted = std::exchange(composer, {});
    if (!drafted.empty())
      set_aside = drafted;
    else
      composer = std::exchange(set_aside, {});
    footer = set_aside.empty() ? "  ? for shortcuts" : "  ? for shortcuts \u00b7 draft stashed";
  }

  std::string pasted{};
  int pastes = 0;

 private:
  void show_composer(Screen& screen, std::string const& rule) const {
    std::string glyph = "\u276f\u00a0";
    std::istringstream in(composer + "\n");
    for (std::string text; std::getline(in, text); glyph = "  ") screen.lines.push_back(glyph + text);
    screen.lines.insert(screen.lines.end(), {rule, footer});
  }

  class Watch final : public OutputWatch {
   public:
    explicit Watch(FakeCli& cli) : cli_(cli), seen_(cli.version_) {}
    awaitable<bool> wait(Clock::time_point deadline) override {
      if (seen_ == cli_.version_) co_await cli_.wrote_.wait(deadline);
      co_return std::exchange(seen_, cli_.version_) != cli_.version_;
    }
    std::string take() override { return {}; }

   private:
    FakeCli& cli_;
    std::uint64_t seen_;
  };
  std::string name_ = "%1";
  std::uint64_t version_ = 0;
  Notifier wrote_;
};

struct Room {
  ManualClock clock;
  test::TempDir dir;
  net::io_context io{1};
  Worker files;
  std::shared_ptr<FakeCli> cli = std::make_shared<FakeCli>(io.get_executor());
  std::vector<ProviderEvent> events;
  std::filesystem::path record = dir.path() / "projects" / "p" / "s.jsonl";
  std::unique_ptr<claude::ClaudeSession> session;

  /// `adopted`: by a daemon that has heard nothing of it yet.
  explicit Room(bool adopted = false, json const& live_state = {}, claude::Options options = {}) {
    std::filesystem::create_directories(dir.path() / "sessions");
    std::filesystem::create_directories(dir.path() / "agent" / "claude");
    SessionContext context{io.get_executor(), files};
    context.adopted = adopted;
    context.terminal = cli;
    context.request.agent_id = "alice";
    context.request.cwd = dir.path();
    context.request.agent_dir = dir.path() / "agent";
    context.request.hook_client = "/opt/bin/agent-runner-hook";
    context.request.environment = {{"HOME", dir.path().string()}, {"CLAUDE_CONFIG_DIR", dir.path().string()}};
    context.session_id = "s";
    context.transcript = record.string();
    context.emit = [this](ProviderEvent event) { events.push_back(std::move(event)); };
    session = std::make_unique<claude::ClaudeSession>(std::move(context), std::move(options));
    if (!live_state.is_null())
      std::ofstream(dir.path() / "sessions" / "4711.json") << live_state.dump();
    else if (adopted)
      cli->dialog = "still drawing";
    session->start();
    if (adopted) return;
    REQUIRE(
        session
            ->hook("SessionStart", {{"source", "startup"}, {"session_id", "s"}, {"transcript_path", record.string()}})
            .has_value());
    REQUIRE(session->block_reason(false) == "");
  }
  ~Room() {
    test::run(io, [this]() -> awaitable<void> { co_await session->stop(); });
  }

  Prompt prompt() const {
    Prompt prompt;
    prompt.message_id = 7;
    prompt.correlation_id = "0123456789";
    prompt.from = "bob";
    prompt.kind = "chat";
    prompt.body = "hello";
    prompt.body_file = dir.path() / "body";
    return prompt;
  }
  /// As the CLI does when it gives a prompt to the model.
  void consume() const { append({{"type", "user"}, {"message", {{"role", "user"}, {"content", cli->pasted}}}}); }
  void append(json const& line) const { append(record, line); }
  static void append(std::filesystem::path const& record, json const& line) {
    std::filesystem::create_directories(record.parent_path());
    std::ofstream(record, std::ios::app) << line.dump() << "\n" << std::flush;
  }
  void take_enter() {
    cli->conversation = "\u276f " + cli->pasted.substr(0, cli->pasted.find('\n'));
    cli->composer.clear();
    consume();
  }

  /// Runs it to its end, while time goes on by itself.
  template <class Value>
  Value run(awaitable<Value> task, std::function<void(Clock::duration)> each = {}) {
    std::optional<Value> value;
    net::co_spawn(io, std::move(task), [&](std::exception_ptr error, Value result) {
      if (error) std::rethrow_exception(error);
      value = std::move(result);
    });
    Clock::duration passed{};
    for (int i = 0; i < 20'000 && !value; ++i, passed += 20ms) {
      test::advance(io, clock, 20ms);
      if (each) each(passed);
    }
    REQUIRE_MESSAGE(value.has_value(), "did not end in 400 s of its time");
    return std::move(*value);
  }
  SubmitResult submit() { return run(session->submit(prompt(), {})); }
  RecordedOutcome ask(bool gone = false) { return run(session->query_outcome(prompt(), gone)); }

  /// A PermissionRequest hook calls; what it is answered comes into `outputs`, or its error's field into `errors`.
  void ask_person(std::string const& call, json payload) {
    net::co_spawn(io, session->ask(call, std::move(payload)), [this, call](std::exception_ptr, Result<json> answer) {
      if (answer)
        outputs[call] = std::move(*answer);
      else
        errors[call] = answer.error().field;
    });
    pass(1ms);
  }
  /// The CLI writes its live state.
  void write_live(std::string const& status, std::string const& version = "2.1.332",
                  std::string const& waiting_for = "permission prompt") {
    auto const file = dir.path() / "sessions" / (std::to_string(cli->pid()) + ".json");
    json const state = {{"sessionId", "s"}, {"status", status}, {"waitingFor", waiting_for}, {"version", version}};
    std::ofstream(file) << state.dump() << std::flush;
  }
  /// ... and it is seen.
  template <class... Words>
  void live(Words const&... words) {
    write_live(words...);
    pass(1ms);
  }
  void pass(Clock::duration time) { test::advance(io, clock, time); }
  template <class Event>
  std::vector<Event> all() const {
    std::vector<Event> found;
    for (auto const& event : events)
      if (auto const* one = std::get_if<Event>(&event)) found.push_back(*one);
    return found;
  }
  std::map<std::string, json> outputs{};
  std::map<std::string, std::string> errors{};
};

}  // namespace

namespace {

/// A room whose CLI listens at its messaging socket.
struct SocketRoom {
  using Road = claude::Options::Road;
  Room room;
  std::function<void(json const&)> on_line{};  ///< what the CLI does with what it is told
  std::vector<json> lines{};

  explicit SocketRoom(Road road = Road::socket, bool listens = true)
      : room(false, nullptr, options_of(road)), tasks_(room.io.get_executor(), "cli") {
    auto const path = claude::messaging_socket(room.dir.path() / "agent");
    if (listens) {
      acceptor_.emplace(room.io, net::local::stream_protocol::endpoint(path.string()));
      tasks_.spawn("listen", listen());
    }
    live("idle");
    room.cli->on_enter = [this] { room.take_enter(); };
  }
  ~SocketRoom() {
    test::run(room.io, [this]() -> awaitable<void> { co_await tasks_.stop(); });
  }
  /// The CLI writes its live state, and it is seen.
  void live(std::string const& status) {
    auto const path = claude::messaging_socket(room.dir.path() / "agent").string();
    json const state = {{"sessionId", "s"}, {"status", status}, {"version", "2.1.332"}, {"messagingSocketPath", path}};
    std::ofstream(room.dir.path() / "sessions" / "4711.json") << state.dump() << std::flush;
    room.pass(1ms);
  }
  void consume(json const& line) const {
    json const message = {{"role", "user"}, {"content", line["message"]["content"]}};
    room.append({{"type", "user"}, {"uuid", line["uuid"]}, {"message", message}});
  }

 private:
  static claude::Options options_of(Road road) {
    claude::Options options;
    options.road = road;
    return options;
  }
  awaitable<void> listen() {
    while (true) {
      auto [error, client] = co_await acceptor_->async_accept(nothrow);
      if (error) co_return;
      std::string line;
      auto buffer = net::dynamic_buffer(line);
      auto [end, size] = co_await net::async_read_until(client, buffer, '\n', nothrow);
      if (end) continue;
      lines.push_back(json::parse(line));
      if (on_line) on_line(lines.back());
    }
  }
  std::optional<net::local::stream_protocol::acceptor> acceptor_{};
  TaskGroup tasks_;
};

}  // namespace

TEST_CASE("AtTheSocketNothingIsTypedAndTheRecordIsTheProof") {
  SocketRoom cc;
  cc.room.cli->composer = "half a thought";
  cc.on_line = [&](json const& line) { cc.consume(line); };
  auto const submission = cc.room.submit();
  CHECK_MESSAGE(submission.outcome == SubmitOutcome::accepted, submission.reason);
  CHECK(cc.room.all<Accepted>().size() == 1);
  CHECK(cc.lines.size() == 1);
  CHECK(cc.room.cli->pastes == 0);
  CHECK(cc.room.cli->composer == "half a thought");
}

TEST_CASE("WhatTheSocketDropsIsTypedOnceTheRecordIsSureNotToHoldIt") {
  SocketRoom cc;
  auto const dropped = cc.room.submit();
  CHECK(dropped.outcome == SubmitOutcome::unknown);
  CHECK(cc.room.all<Accepted>().empty());
  CHECK(cc.room.ask() == RecordedOutcome::absent);
  CHECK(cc.room.submit().outcome == SubmitOutcome::accepted);
  CHECK(cc.lines.size() == 1);
  CHECK(cc.room.cli->pastes == 1);
}

TEST_CASE("WhatACliInATurnHasFromItsSocketIsWaitedFor") {
  SocketRoom cc;
  cc.live("busy");
  cc.room.pass(1s);  // its turn has begun
  auto prompt = cc.room.prompt();
  prompt.urgent = true;
  std::optional<SubmitResult> result;
  auto const first = cc.room.run(cc.room.session->query_outcome(prompt, false));
  CHECK(first == RecordedOutcome::absent);  // nobody has written it
  net::co_spawn(cc.room.io, cc.room.session->submit(prompt, {}),
                [&](std::exception_ptr, SubmitResult submission) { result = std::move(submission); });
  for (int i = 0; i < 300; ++i) cc.room.pass(1s);
  CHECK_FALSE(result.has_value());
  REQUIRE(cc.lines.size() == 1);
  cc.consume(cc.lines.front());
  for (int i = 0; i < 10 && !result; ++i) cc.room.pass(20ms);
  REQUIRE(result.has_value());
  CHECK(result->outcome == SubmitOutcome::accepted);
}

TEST_CASE("WhereNobodyListensAtTheSocketItIsTypedAtOnce") {
  SocketRoom cc(claude::Options::Road::socket, false);
  CHECK(cc.room.submit().outcome == SubmitOutcome::accepted);
  CHECK(cc.room.cli->pastes == 1);
}

TEST_CASE("OnTheAutomaticRoadOnlyAnOperatorsWordIsTyped") {
  SocketRoom cc(claude::Options::Road::automatic);
  cc.on_line = [&](json const& line) { cc.consume(line); };
  CHECK(cc.room.submit().outcome == SubmitOutcome::accepted);
  CHECK(cc.room.cli->pastes == 0);
  auto word = cc.room.prompt();
  word.correlation_id = "9876543210";
  word.from = "operator";
  CHECK(cc.room.run(cc.room.session->submit(word, {})).outcome == SubmitOutcome::accepted);
  auto ours = cc.room.prompt();
  ours.correlation_id = "1111111111";
  ours.message_id = 0;
  CHECK(cc.room.run(cc.room.session->submit(ours, {})).outcome == SubmitOutcome::accepted);
  CHECK(cc.room.cli->pastes == 2);
  CHECK(cc.lines.size() == 1);
}

TEST_CASE("AcceptedComesWithTheTranscriptAndOneEnter") {
  Room room;
  room.cli->on_enter = [&] { room.take_enter(); };
  auto const submission = room.submit();
  CHECK(submission.outcome == SubmitOutcome::accepted);
  REQUIRE(room.all<Accepted>().size() == 1);
  CHECK(room.all<Accepted>().front().proof == "transcript");
  CHECK(room.cli->enters == 1);
}

TEST_CASE("AnAdoptedStartWhoseHookNobodyHeardIsReadyByItsStateFile") {
  Room room(true);
  test::advance(room.io, room.clock, 20ms);
  CHECK(room.session->block_reason(false) != "");
  std::ofstream(room.dir.path() / "sessions" / "4711.json")
      << json{{"pid", 4711}, {"sessionId", "s"}, {"status", "idle"}}.dump();
  room.cli->draw();
  test::advance(room.io, room.clock, 20ms);
  room.cli->dialog.clear();
  room.cli->draw();
  auto const ready = [&room]() -> awaitable<bool> {
    while (!room.session->block_reason(false).empty()) co_await sleep_for(20ms);
    co_return true;
  };
  CHECK(room.run(ready()));
  CHECK(std::ranges::any_of(room.events, [](auto const& event) { return std::holds_alternative<Ready>(event); }));
}

TEST_CASE("AnAdoptedOneThatWentOnWithAnotherSessionIsProvedByThatSessionsRecord") {
  Room room(true, {{"pid", 4711}, {"sessionId", "s2"}, {"status", "idle"}});  // /clear, while no daemon ran
  auto const fresh = claude::transcript_file(room.dir.path(), room.dir.path(), "s2");
  room.pass(20ms);
  REQUIRE(room.all<Ready>().size() == 1);
  CHECK(room.all<Ready>()[0].session_id == "s2");
  CHECK(room.all<Ready>()[0].transcript == fresh.string());
  room.cli->on_enter = [&] {
    room.cli->composer.clear();
    room.append(fresh, {{"type", "user"}, {"message", {{"role", "user"}, {"content", room.cli->pasted}}}});
  };
  CHECK(room.submit().outcome == SubmitOutcome::accepted);
  CHECK(room.ask() == RecordedOutcome::accepted);
  CHECK(room.cli->enters == 1);
}

TEST_CASE("ATurnThatRanAtTheAdoptionEndsEvenAtOnce") {
  for (bool const hooked : {true, false}) {
    Room room(true, {{"pid", 4711}, {"sessionId", "s"}, {"status", "busy"}});
    room.pass(20ms);
    REQUIRE(room.all<Ready>().size() == 1);
    CHECK(room.all<Ready>()[0].turn_runs);
    if (hooked) REQUIRE(room.session->hook("Stop", {{"session_id", "s"}}).has_value());
    std::ofstream(room.dir.path() / "sessions" / "4711.json")
        << json{{"pid", 4711}, {"sessionId", "s"}, {"status", "idle"}}.dump();
    room.pass(20ms);  // it is seen
    room.pass(1s);    // whoever is late has had the time to speak
    REQUIRE(room.all<TurnEnded>().size() == 1);
    CHECK(room.all<TurnEnded>()[0].outcome == (hooked ? TurnEnded::Outcome::completed : TurnEnded::Outcome::unseen));
  }
}

TEST_CASE("AnyHookTellsWhichSessionAndRecordItIs") {
  Room room;
  auto const fresh = room.dir.path() / "projects" / "p" / "s2.jsonl";
  room.cli->on_enter = [&] {
    room.cli->composer.clear();
    REQUIRE(room.session
                ->hook("UserPromptSubmit",
                       {{"prompt", room.cli->pasted}, {"session_id", "s2"}, {"transcript_path", fresh.string()}})
                .has_value());
    room.append(fresh, {{"type", "user"}, {"message", {{"role", "user"}, {"content", room.cli->pasted}}}});
  };
  CHECK(room.submit().outcome == SubmitOutcome::accepted);
  REQUIRE(room.all<SessionChanged>().size() == 1);
  CHECK(room.all<SessionChanged>()[0].session_id == "s2");
  CHECK(room.all<SessionChanged>()[0].transcript == fresh.string());
  // One that comes late, or from another process: the live state knows better.
  std::ofstream(room.dir.path() / "sessions" / "4711.json") << json{{"sessionId", "s2"}, {"status", "idle"}}.dump();
  REQUIRE(
      room.session->hook("StatusLine", {{"session_id", "s"}, {"transcript_path", room.record.string()}}).has_value());
  CHECK(room.all<SessionChanged>().size() == 1);
}

TEST_CASE("APromptThatWasSubmittedIsNotTypedAgainWhateverTheRecordLeavesOut") {
  Room room;
  room.cli->on_enter = [&] {
    room.cli->composer.clear();
    REQUIRE(room.session->hook("UserPromptSubmit", {{"prompt", room.cli->pasted}}).has_value());
  };
  CHECK(room.submit().outcome == SubmitOutcome::unknown);
  REQUIRE(room.session->hook("Stop", {{"last_assistant_message", "done"}}).has_value());
  CHECK(room.ask() == RecordedOutcome::pending);
  room.consume();
  room.pass(1s);
  CHECK(room.ask() == RecordedOutcome::accepted);
}

TEST_CASE("ARecordThatCannotBeReadIsNoProofOfAbsence") {
  Room room;
  room.cli->on_enter = [&] { room.cli->composer.clear(); };
  CHECK(room.submit().outcome == SubmitOutcome::unknown);
  CHECK(room.ask() == RecordedOutcome::absent);  // not there
  std::filesystem::create_directories(room.record);
  CHECK(room.ask() == RecordedOutcome::pending);
  CHECK(room.ask(true) == RecordedOutcome::blind);
  auto const before = room.all<BlockChanged>().size();
  room.pass(11s);
  CHECK(room.all<BlockChanged>().size() == before + 1);  // so it is asked again
  auto const offline = [&](std::filesystem::path const& record) {
    return make_claude_adapter()->look_up_outcome({}, record.string(), room.prompt());
  };
  CHECK(offline(room.record) == RecordedOutcome::blind);
  std::ofstream(room.dir.path() / "file") << "x";
  CHECK(offline(room.dir.path() / "file" / "s.jsonl") == RecordedOutcome::blind);
  CHECK(offline(room.dir.path() / "none" / "s.jsonl") == RecordedOutcome::absent);
}

TEST_CASE("ASwallowedEnterIsPressedAgain") {
  Room room;
  room.cli->on_enter = [&] {
    if (room.cli->enters == 2) room.take_enter();
  };
  CHECK(room.submit().outcome == SubmitOutcome::accepted);
  CHECK(room.cli->enters == 2);
}

TEST_CASE("ASubmittedPromptThatStaysInTheComposerIsNotSentTwiceAndIsCleared") {
  Room room;
  room.cli->on_enter = [&] { room.cli->conversation = "\u276f [agent-runner 0123456789 and so on"; };
  bool shown = false;
  auto const submission = room.run(room.session->submit(room.prompt(), {}), [&](Clock::duration passed) {
    if (!shown && passed > 3s) {
      room.consume();
      shown = true;
    }
  });
  CHECK(submission.outcome == SubmitOutcome::accepted);
  CHECK(room.cli->enters == 1);
  CHECK(room.cli->composer.empty());
}

TEST_CASE("TheEarlySignStopsFurtherEnters") {
  Room room;
  room.cli->on_enter = [&] {
    REQUIRE(room.session->hook("UserPromptSubmit", {{"prompt", room.cli->pasted}}).has_value());
  };
  bool shown = false;
  auto const submission = room.run(room.session->submit(room.prompt(), {}), [&](Clock::duration passed) {
    if (!shown && passed > 20s) {
      room.consume();
      shown = true;
    }
  });
  CHECK(submission.outcome == SubmitOutcome::accepted);
  CHECK(room.cli->enters == 1);
}

TEST_CASE("WhatWaitsInTheCliItselfIsNotAcceptedUntilItIsTaken") {
  Room room;
  room.cli->on_enter = [&] {
    room.append({{"type", "queue-operation"}, {"operation", "enqueue"}, {"content", room.cli->pasted}});
    room.cli->composer.clear();
  };
  bool shown = false;
  auto const submission = room.run(room.session->submit(room.prompt(), {}), [&](Clock::duration passed) {
    if (!shown && passed > 200s) {
      CHECK(room.ask() == RecordedOutcome::pending);
      room.append({{"type", "queue-operation"}, {"operation", "dequeue"}});
      room.consume();
      shown = true;
    }
  });
  CHECK(shown);
  CHECK(submission.outcome == SubmitOutcome::accepted);
  CHECK(room.cli->enters == 1);
}

TEST_CASE("AProgramThatNeverReadsIsNeverAcknowledged") {
  Room room;
  room.cli->on_paste = [] {};
  auto const submission = room.submit();
  CHECK(submission.outcome == SubmitOutcome::unknown);
  CHECK_FALSE(submission.screen.empty());
  CHECK(room.cli->enters == 0);
  CHECK(room.ask() == RecordedOutcome::absent);
}

TEST_CASE("AProgramThatTakesTheTextAndSaysNothingIsNeverAcknowledged") {
  Room room;
  room.cli->on_enter = [&] { room.cli->composer.clear(); };
  CHECK(room.submit().outcome == SubmitOutcome::unknown);
  CHECK(room.cli->enters == 1);
  CHECK(room.ask() == RecordedOutcome::absent);
}

TEST_CASE("AProgramThatIgnoresEnterIsNeverAcknowledgedAndIsLeftClean") {
  Room room;
  CHECK(room.submit().outcome == SubmitOutcome::unknown);
  CHECK(room.cli->enters == 3);
  CHECK(room.cli->composer.empty());
  CHECK(room.ask() == RecordedOutcome::absent);
}

TEST_CASE("AProgramThatDiesWithTheTextInItsLineIsNeverAcknowledged") {
  Room room;
  room.cli->on_enter = [&] { room.cli->living = false; };
  CHECK(room.submit().outcome == SubmitOutcome::unknown);
  CHECK(room.ask(true) == RecordedOutcome::absent);
}

TEST_CASE("NoEnterIsPressedIntoADialogThatOpensMeanwhile") {
  Room room;
  room.cli->on_paste = [&] { room.cli->dialog = " Do you want to proceed?"; };
  CHECK(room.submit().outcome == SubmitOutcome::unknown);
  CHECK(room.cli->enters == 0);
  CHECK(room.ask() == RecordedOutcome::pending);
  room.cli->dialog.clear();
  CHECK(room.ask() == RecordedOutcome::absent);
}

TEST_CASE("NoEnterIsPressedWhenAPersonTypesIntoThePrompt") {
  for (bool const small : {true, false}) {
    Room room;
    room.cli->on_paste = [&] {
      room.cli->composer = (small ? FakeCli::label(1, room.cli->pasted) : room.cli->pasted) + " and I say";
    };
    CHECK(room.submit().outcome == SubmitOutcome::unknown);
    CHECK(room.cli->enters == 0);
    CHECK(room.ask() == RecordedOutcome::pending);
    // Nor is it taken away for the next one.
    auto next = room.prompt();
    next.correlation_id = "9876543210";
    CHECK(room.run(room.session->submit(next, {})).outcome == SubmitOutcome::held);
    CHECK(std::ranges::count(room.cli->pressed, "C-u") == 0);
    room.consume();  // the person sends both
    CHECK(room.ask() == RecordedOutcome::accepted);
  }
}

TEST_CASE("WordsOfOursComeBeforeAPasteThatIsCollapsed") {
  Room room;
  auto prompt = room.prompt();
  prompt.body = "1\n2\n3";
  std::string shown;
  room.cli->on_enter = [&] {
    shown = room.cli->composer;
    room.take_enter();
  };
  CHECK(room.run(room.session->submit(prompt, {})).outcome == SubmitOutcome::accepted);
  CHECK(shown == std::string(claude::kWords) + "[Pasted text #2 +4 lines]");
  CHECK(room.cli->enters == 1);
}

TEST_CASE("WordsThatAnEarlierDaemonLeftAloneAreTakenAway") {
  Room room;
  room.cli->composer = claude::kWords;
  room.cli->on_enter = [&] { room.take_enter(); };
  CHECK(room.ask() == RecordedOutcome::absent);
  CHECK(room.submit().outcome == SubmitOutcome::accepted);
  CHECK(room.cli->conversation.find("Treat what I paste") == std::string::npos);
}

TEST_CASE("ADraftIsSetAsideOnlyWhereThereIsRoomForIt") {
  enum class Place { free, taken, unknown };
  for (auto const place : {Place::free, Place::taken, Place::unknown}) {
    CAPTURE(int(place));
    Room room;
    room.live("idle", place == Place::unknown ? "99.0.0" : "2.1.332");
    if (place == Place::taken) {
      room.cli->composer = "A, set aside by the person";
      room.cli->stash();
    }
    room.cli->composer = "B, half typed";
    room.cli->on_enter = [&] {
      room.take_enter();
      room.cli->stash();
    };
    CHECK(room.submit().outcome == SubmitOutcome::held);
    room.pass(6s);  // it rests
    bool const is_free = place == Place::free;
    CHECK(room.session->block_reason(false).empty() == is_free);
    CHECK(room.submit().outcome == (is_free ? SubmitOutcome::accepted : SubmitOutcome::held));
    CHECK(room.cli->composer == "B, half typed");
    if (place == Place::taken) CHECK(room.cli->set_aside == "A, set aside by the person");
    CHECK(std::ranges::count(room.cli->pressed, "C-s") == is_free);
  }
}

TEST_CASE("ADraftComesBackWhenThePromptIsNotTypedUnlessAPersonHasBegunAnother") {
  for (bool const another : {false, true}) {
    Room room;
    room.live("idle");
    room.cli->composer = "A";
    CHECK(room.submit().outcome == SubmitOutcome::held);
    room.pass(6s);
    REQUIRE(room.session->block_reason(false).empty());
    room.cli->refuses_pastes = true;
    room.cli->on_refusal = [&] {
      if (another) room.cli->composer = "B";
    };
    CHECK(room.submit().outcome == SubmitOutcome::refused);
    CHECK(room.cli->composer == (another ? "B" : "A"));
    CHECK(room.cli->set_aside == (another ? "A" : ""));
  }
}

TEST_CASE("ALateProofIsTold") {
  Room room;
  room.cli->on_enter = [&] { room.cli->composer.clear(); };
  CHECK(room.submit().outcome == SubmitOutcome::unknown);
  room.consume();
  for (int i = 0; i < 50; ++i) test::advance(room.io, room.clock, 20ms);
  CHECK(room.all<Accepted>().size() == 1);
  CHECK(room.ask() == RecordedOutcome::accepted);
}

TEST_CASE("NobodyIsAskedAboutAReplyByATool") {
  Room room;
  room.ask_person("c1", {{"tool_name", "mcp__agent-runner__reply"}, {"permission_mode", "plan"}});
  CHECK(room.outputs.at("c1")["hookSpecificOutput"]["decision"]["behavior"] == "allow");
  CHECK(room.all<Asked>().empty());
  CHECK(room.session->block_reason(true).empty());
  for (auto const* others : {"mcp__agent-runner__send_message", "mcp__other__reply", "reply"})
    room.ask_person(others, {{"tool_name", others}, {"permission_mode", "plan"}});
  CHECK(room.all<Asked>().size() == 3);
  // In another mode a rule of a person's has the CLI ask.
  room.ask_person("c2", {{"tool_name", "mcp__agent-runner__reply"}, {"permission_mode", "default"}});
  CHECK(room.all<Asked>().size() == 4);
}

TEST_CASE("TheGateFollowsTurnsDialogsAndCompaction") {
  Room room;
  auto& session = *room.session;
  (void)session.hook("UserPromptSubmit", {{"prompt", "a person's"}});
  CHECK(session.block_reason(false) == "a turn is running");
  CHECK(session.block_reason(true).empty());
  room.ask_person("c1", {{"tool_name", "Bash"}});
  CHECK(session.block_reason(true) == "waiting for a person: permission for Bash");
  room.pass(1s);
  (void)session.hook("Stop", {{"last_assistant_message", "done"}});
  CHECK(session.block_reason(false).empty());
  (void)session.hook("PreCompact", {{"trigger", "manual"}});
  CHECK(session.block_reason(true) == "the context is being compacted");
  (void)session.hook("PostCompact", {{"trigger", "manual"}});
  CHECK(session.block_reason(false).empty());
  // One that fails ends without a hook.
  (void)session.hook("PreCompact", {{"trigger", "manual"}});
  room.live("busy");
  room.live("idle");
  room.pass(2s);
  CHECK(session.block_reason(false).empty());
  std::vector<std::string> notes;
  for (auto const& note : room.all<Noted>())
    if (note.type.starts_with("compaction.")) notes.push_back(note.type);
  CHECK(notes == std::vector<std::string>{"compaction.started", "compaction.finished", "compaction.started",
                                          "compaction.failed"});
  (void)session.hook("Stop", {{"agent_id", "sub"}, {"last_assistant_message", "a subagent's"}});
  auto const ends =
      std::ranges::count_if(room.events, [](auto const& e) { return std::holds_alternative<TurnEnded>(e); });
  CHECK(ends == 1);
  (void)session.hook("SessionEnd", {{"reason", "prompt_input_exit"}});
  CHECK(session.block_reason(true) == "Claude Code has ended");
}

TEST_CASE("AFailedTurnSaysWhetherItDidAnythingAndWhenItsLimitEnds") {
  Room room;
  auto& session = *room.session;
  auto const fails = [&] {
    (void)session.hook("StopFailure", {{"error", "rate_limit"}, {"last_assistant_message", "API Error: 429"}});
    return room.all<TurnEnded>().back();
  };
  auto const begin = [&] { (void)session.hook("UserPromptSubmit", {{"prompt", "work"}}); };
  json const answer = {{"type", "assistant"}, {"message", {{"content", {{{"type", "text"}, {"text", "so"}}}}}}};
  json const prompted = {{"type", "user"}, {"promptSource", "typed"}, {"message", {{"content", "work"}}}};

  begin();
  auto end = fails();
  CHECK(end.did_nothing);
  CHECK(end.error_kind == "rate_limit");
  CHECK_FALSE(end.resets_at.has_value());
  begin();
  (void)session.hook("PreToolUse", {{"tool_name", "Bash"}});
  CHECK_FALSE(fails().did_nothing);
  begin();
  room.append(prompted);
  room.append(answer);
  CHECK_FALSE(fails().did_nothing);
  // The lines of the turn before may come after the next one has begun.
  begin();
  room.append(answer);
  room.append(prompted);
  CHECK(fails().did_nothing);

  auto const limit = [&](json used) {
    json const week = {{"used_percentage", 10}, {"resets_at", 1'780'000'000}};
    (void)session.hook(
        "StatusLine",
        {{"rate_limits",
          {{"five_hour", {{"used_percentage", used}, {"resets_at", 1'770'000'000}}}, {"seven_day", week}}}});
  };
  begin();
  limit(100);
  CHECK(fails().resets_at == from_millis(1'770'000'000'000));
  begin();
  limit(99);
  CHECK_FALSE(fails().resets_at.has_value());
}

TEST_CASE("APromptIntoARunningTurnBeginsNoOther") {
  Room room;
  auto& session = *room.session;
  (void)session.hook("UserPromptSubmit", {{"prompt", "first"}});
  (void)session.hook("UserPromptSubmit", {{"prompt", "queued while a tool runs"}});
  CHECK(room.all<TurnStarted>().size() == 1);
  (void)session.hook("Stop", {{"last_assistant_message", "done"}});
  CHECK(room.all<TurnEnded>().size() == 1);
  // After an Escape the CLI goes on with what waited in its queue.
  (void)session.hook("UserPromptSubmit", {{"prompt", "second"}});
  room.append({{"type", "user"}, {"message", {{"role", "user"}, {"content", "[Request interrupted by user]"}}}});
  room.live("busy");
  (void)session.hook("UserPromptSubmit", {{"prompt", "third"}});
  REQUIRE(room.all<TurnEnded>().size() == 2);
  CHECK(room.all<TurnEnded>()[1].outcome == TurnEnded::Outcome::interrupted);
  CHECK(room.all<TurnStarted>().size() == 3);
}

TEST_CASE("AnInterruptBeforeTheStateFileTellsOfTheTurnIsNotTakenForDone") {
  Room room;
  room.live("idle");
  (void)room.session->hook("UserPromptSubmit", {{"prompt", "first"}});
  int escapes = 0;
  room.cli->on_escape = [&] {
    if (++escapes == 1) return room.write_live("busy");  // it comes too early, and is lost
    room.append({{"type", "user"}, {"message", {{"role", "user"}, {"content", "[Request interrupted by user]"}}}});
    room.write_live("idle");
  };
  CHECK(room.run(room.session->interrupt()).has_value());
  CHECK(escapes == 2);
  room.pass(2s);
  REQUIRE(room.all<TurnEnded>().size() == 1);
  CHECK(room.all<TurnEnded>()[0].outcome == TurnEnded::Outcome::interrupted);
}

TEST_CASE("AStopIsAProposalUntilTheCliIsAtRest") {
  Room room;
  auto const call = [&](char const* event, json const& payload = json::object()) {
    REQUIRE(room.session->hook(event, payload).has_value());
  };
  room.live("busy");
  call("UserPromptSubmit", {{"prompt", "x"}});
  call("Stop", {{"last_assistant_message", "first"}});
  room.pass(5s);  // the hook of a person's own takes its time, and has it go on
  CHECK(room.all<TurnEnded>().empty());
  call("PreToolUse", {{"tool_name", "Bash"}});
  call("PostToolUse", {{"tool_name", "Bash"}});
  call("UserPromptSubmit", {{"prompt", "into the turn"}});
  CHECK(room.all<TurnEnded>().empty());
  call("Stop", {{"last_assistant_message", "second"}});
  room.live("idle");
  REQUIRE(room.all<TurnEnded>().size() == 1);
  CHECK(room.all<TurnEnded>()[0].outcome == TurnEnded::Outcome::completed);
  CHECK(room.all<TurnEnded>()[0].final_text == "second");
  CHECK(room.all<TurnStarted>().size() == 1);
}

TEST_CASE("AMenuThatAPersonOpensHidesNoTurnsEnd") {
  Room room;
  room.live("busy");
  REQUIRE(room.session->hook("UserPromptSubmit", {{"prompt", "x"}}).has_value());
  room.live("waiting");
  REQUIRE(room.session->hook("Stop", {{"last_assistant_message", "done"}}).has_value());
  room.append({{"type", "system"}, {"subtype", "stop_hook_summary"}});
  room.pass(1ms);
  CHECK(room.all<TurnEnded>().empty());
  room.append({{"type", "system"}, {"subtype", "turn_duration"}});
  room.pass(1ms);
  REQUIRE(room.all<TurnEnded>().size() == 1);
  CHECK(room.all<TurnEnded>()[0].final_text == "done");
}

TEST_CASE("ALiveStateThatIsLateAtATurnsEndIsWaitedForBeforeWorkIsTold") {
  Room room;
  room.live("busy");
  REQUIRE(room.session->hook("UserPromptSubmit", {{"prompt", "x"}}).has_value());
  REQUIRE(room.session->hook("Stop", {{"last_assistant_message", "done"}}).has_value());
  CHECK(room.run(room.session->running_work()) == "a turn");
  room.append({{"type", "system"}, {"subtype", "turn_duration"}});
  room.pass(1ms);
  REQUIRE(room.all<TurnEnded>().size() == 1);
  // It stays busy: there is something that we have not heard of.
  CHECK(room.run(room.session->running_work()) == "a turn");
  bool written = false;
  auto const speak = [&](Clock::duration passed) {
    if (passed >= 200ms && !std::exchange(written, true)) room.write_live("shell");
  };
  CHECK(room.run(room.session->running_work(), speak) == "a command in the background");
}

TEST_CASE("WhatWaitedForStopHooksBeginsATurnOfItsOwn") {
  Room room;
  room.live("busy");
  auto const call = [&](char const* event, json const& payload) {
    REQUIRE(room.session->hook(event, payload).has_value());
  };
  call("UserPromptSubmit", {{"prompt", "x"}});
  call("Stop", {{"last_assistant_message", "first"}});
  call("UserPromptSubmit", {{"prompt", "y"}});
  call("Stop", {{"last_assistant_message", "second"}});
  room.live("idle");
  REQUIRE(room.all<TurnEnded>().size() == 2);
  CHECK(room.all<TurnEnded>()[0].final_text == "first");
  CHECK(room.all<TurnEnded>()[1].final_text == "second");
  CHECK(room.all<TurnStarted>().size() == 2);
}

TEST_CASE("ASubagentIsWorkFromItsFirstHookToItsLast") {
  Room room;
  json const subagent = {{"agent_id", "sub-1"}, {"agent_type", "Explore"}};
  (void)room.session->hook("SubagentStart", subagent);
  auto const started = room.all<WorkStarted>();
  REQUIRE(started.size() == 1);
  CHECK(started[0].kind == "subagent");
  CHECK(started[0].id == "sub-1");
  CHECK(started[0].label == "Explore");
  // A compaction ends with such a hook as well.
  (void)room.session->hook("SubagentStop", {{"agent_id", "sub-1"}, {"agent_type", ""}});
  CHECK(room.all<WorkFinished>().empty());
  (void)room.session->hook("SubagentStop", subagent);
  auto const finished = room.all<WorkFinished>();
  REQUIRE(finished.size() == 1);
  CHECK(finished[0].kind == "subagent");
  CHECK(finished[0].id == "sub-1");
}

TEST_CASE("HooksWithAnythingInThemDoNoHarm") {
  Room room;
  for (auto const* event :
       {"SessionStart", "UserPromptSubmit", "Stop", "StopFailure", "SubagentStart", "SubagentStop", "PreCompact",
        "PostCompact", "Notification", "PermissionRequest", "PreToolUse", "PostToolUse", "PostToolUseFailure",
        "StatusLine", "FileChanged", "SessionEnd", "NoSuchEvent"})
    for (json const& payload :
         {json::object(),
          json{{"prompt", 5}, {"agent_id", json::array()}, {"context_window", "x"}, {"tool_input", nullptr}}})
      CHECK(room.session->hook(event, payload).has_value());
}

TEST_CASE("NumbersThatNoContextCanHaveAreNone") {
  Room room;
  auto const tell = [&](json const& window, json const& tokens) {
    json const context = {{"context_window_size", window}, {"current_usage", {{"input_tokens", tokens}}}};
    (void)room.session->hook("StatusLine", {{"context_window", context}});
  };
  for (json const& window : {json(1e300), json(-1e300), json("200000"), json(0)}) tell(window, 5);
  CHECK(room.all<ContextUse>().empty());
  tell(200'000, 1e300);
  tell(200'000, 5);
  REQUIRE(room.all<ContextUse>().size() == 2);
  CHECK(room.all<ContextUse>()[0].tokens == 0);
  CHECK(room.all<ContextUse>()[1].tokens == 5);
  CHECK(room.all<ContextUse>()[1].source == "statusline");
  CHECK(room.all<ContextUse>()[1].confidence == "reported");
}

TEST_CASE("APermissionIsAskedAndItsDecisionIsTheHooksAnswer") {
  Room room;
  auto& session = *room.session;
  json const payload = {{"tool_name", "Bash"},
                        {"tool_input", {{"command", "touch x"}}},
                        {"permission_suggestions",
                         {{{"type", "addRules"},
                           {"rules", {{{"toolName", "Bash"}, {"ruleContent", "touch:*"}}}},
                           {"behavior", "allow"},
                           {"destination", "localSettings"}}}}};
  (void)session.hook("UserPromptSubmit", {{"prompt", "x"}});
  auto const decide = [&](std::string const& call, Answer const& answer) {
    room.ask_person(call, payload);
    CHECK(session.block_reason(true) == "waiting for a person: permission for Bash: touch x");
    session.answer(call, answer);
    room.pass(1ms);
    CHECK(session.block_reason(true).empty());
    return room.outputs.at(call)["hookSpecificOutput"]["decision"];
  };
  CHECK(decide("c1", {Decision::approve})["behavior"] == "allow");
  auto const for_session = decide("c2", {Decision::approve_session});
  CHECK(for_session["behavior"] == "allow");
  CHECK(for_session["updatedPermissions"][0]["destination"] == "session");
  CHECK(for_session["updatedPermissions"][0]["rules"][0]["ruleContent"] == "touch:*");
  auto const denied = decide("c3", {Decision::deny, "not now"});
  CHECK(denied["behavior"] == "deny");
  CHECK(denied["message"] == "not now");
  CHECK(!denied.contains("interrupt"));
  CHECK(decide("c4", {Decision::abort})["interrupt"] == true);
  // Left to the terminal: the hook says nothing.
  room.ask_person("c5", payload);
  session.answer("c5", {});
  room.pass(1ms);
  CHECK(room.outputs.at("c5").empty());
  auto const asked = room.all<Asked>();
  REQUIRE(asked.size() == 5);
  CHECK(asked[0].request.key == "c1");
  CHECK(asked[0].request.summary == "Bash: touch x");
  CHECK(asked[0].request.session_grant == std::vector<std::string>{"Bash(touch:*)"});
  CHECK(room.all<AskEnded>().empty());
}

TEST_CASE("AQuestionIsAnsweredThroughItsInput") {
  Room room;
  json const payload = {
      {"tool_name", "AskUserQuestion"},
      {"tool_input",
       {{"questions",
         {{{"question", "Which?"},
           {"header", "H"},
           {"options", {{{"label", "A"}}, {{"label", "B"}}}},
           {"multiSelect", true}},
          {{"question", "Why?"}, {"header", "W"}, {"options", json::array()}, {"multiSelect", false}}}}}}};
  room.ask_person("q", payload);
  auto const asked = room.all<Asked>();
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].request.kind == ApprovalRequest::Kind::question);
  REQUIRE(asked[0].request.questions.size() == 2);
  CHECK(asked[0].request.questions[0].multiple);
  CHECK(room.session->block_reason(true) == "waiting for a person: an answer: Which?");
  room.session->answer("q", {Decision::answer, "", {{"A", "B"}, {"because"}}});
  room.pass(1ms);
  auto const input = room.outputs.at("q")["hookSpecificOutput"]["decision"]["updatedInput"];
  CHECK(input["questions"] == payload["tool_input"]["questions"]);
  CHECK(input["answers"] == json{{"Which?", "A, B"}, {"Why?", "because"}});
}

TEST_CASE("AYesAtTheTerminalShowsInTheToolsOwnHook") {
  Room room;
  auto& session = *room.session;
  json const one = {{"tool_name", "WebFetch"}, {"tool_input", {{"url", "http://a"}}}};
  json const two = {{"tool_name", "WebFetch"}, {"tool_input", {{"url", "http://b"}}}};
  auto const with_id = [](json payload, char const* id) {
    payload["tool_use_id"] = id;
    return payload;
  };
  (void)session.hook("PreToolUse", with_id(one, "t1"));
  (void)session.hook("PreToolUse", with_id(two, "t2"));
  room.ask_person("c1", one);
  room.ask_person("c2", two);
  (void)session.hook("PostToolUse", with_id(two, "t2"));
  room.pass(1ms);
  REQUIRE(room.all<AskEnded>().size() == 1);
  CHECK(room.all<AskEnded>()[0].key == "c2");
  CHECK(room.outputs.at("c2").empty());  // its hook may go
  CHECK(!room.outputs.contains("c1"));
  CHECK(session.block_reason(true) == "waiting for a person: permission for WebFetch: http://a");
  session.answer("c2", {Decision::deny});  // too late: nothing happens
  session.answer("c1", {Decision::approve});
  room.pass(1ms);
  CHECK(room.outputs.at("c1")["hookSpecificOutput"]["decision"]["behavior"] == "allow");
}

TEST_CASE("AYesAtTheTerminalShowsInTheLiveState") {
  Room room;
  room.live("busy");
  (void)room.session->hook("UserPromptSubmit", {{"prompt", "x"}});
  room.ask_person("c1", {{"tool_name", "Bash"}});
  room.live("waiting");
  room.pass(1s);
  CHECK(room.all<NothingAsked>().empty());
  room.live("busy");
  CHECK(room.all<NothingAsked>().size() == 1);
  CHECK(room.outputs.at("c1").empty());
  CHECK(room.session->block_reason(true).empty());
  // One that has just come may belong to the next dialog.
  room.ask_person("c2", {{"tool_name", "Bash"}});
  room.live("waiting");
  room.live("busy");
  CHECK(!room.outputs.contains("c2"));
  room.live("waiting");
  room.pass(2s);
  CHECK(!room.outputs.contains("c2"));
  room.live("busy");
  CHECK(room.outputs.contains("c2"));
  CHECK(room.all<NothingAsked>().size() == 2);
}

TEST_CASE("AHookOfBeforeHasTimeToComeBackToAnAdoptedSession") {
  Room room(true);
  room.live("busy");  // the dialog does not show there yet
  room.pass(1s);
  CHECK(room.all<NothingAsked>().empty());
  room.ask_person("c1", {{"tool_name", "Bash"}});
  room.live("waiting");
  room.pass(5s);
  CHECK(room.all<NothingAsked>().empty());
  room.session->answer("c1", {Decision::approve});
  room.pass(1ms);
  CHECK(room.outputs.at("c1")["hookSpecificOutput"]["decision"]["behavior"] == "allow");
}

TEST_CASE("WhatWasAnsweredWhileNoDaemonRanIsOver") {
  Room room(true);
  room.live("busy");
  room.pass(1s);
  CHECK(room.all<NothingAsked>().empty());
  room.pass(2s);
  CHECK(room.all<NothingAsked>().size() == 1);
}

TEST_CASE("AHookThatGaveUpLeavesItToTheTerminal") {
  Room room;
  room.live("waiting");
  room.ask_person("c1", {{"tool_name", "Bash"}});
  room.session->ask_left("c1");
  room.pass(1ms);
  room.pass(2s);
  REQUIRE(room.all<AskEnded>().size() == 1);
  CHECK(!room.all<AskEnded>()[0].answered);
  CHECK(!room.session->block_reason(true).empty());  // the dialog is still there
  room.cli->dialog = "  Do you want to proceed?";
  room.pass(10s);
  REQUIRE(room.all<Asked>().size() == 2);
  CHECK(room.all<Asked>()[1].request.kind == ApprovalRequest::Kind::dialog);
}

TEST_CASE("ADialogThatNoHookSpeaksForIsToldWithItsText") {
  Room room;
  room.cli->dialog = "  \033[1mSettings\033[0m\n\n  \u276f 1. One\n    2. Two\n\n  Esc to go back";
  room.live("waiting", "2.1.332", "dialog open");
  CHECK_FALSE(room.session->block_reason(true).empty());
  room.pass(1s);
  REQUIRE(room.all<Asked>().size() == 1);
  auto const request = room.all<Asked>()[0].request;
  CHECK(request.kind == ApprovalRequest::Kind::dialog);
  CHECK(request.choices.empty());
  CHECK(request.summary == "the settings screen is open; answer it there: agent-runner attach alice");
  auto const screen = request.input["screen"].get<std::string>();
  CHECK_MESSAGE(screen.find("Settings\n") != std::string::npos, screen);
  CHECK_MESSAGE(screen.find("2. Two\n") != std::string::npos, screen);
  REQUIRE(room.all<WaitingForPerson>().size() == 1);
  CHECK(room.submit().outcome == SubmitOutcome::held);
  CHECK(room.cli->pressed.empty());
  room.cli->dialog.clear();
  room.live("idle");
  REQUIRE(room.all<AskEnded>().size() == 1);
  CHECK(room.all<AskEnded>()[0].key == request.key);
  CHECK(room.session->block_reason(false).empty());
  // The next one is another, whatever it looks like.
  room.cli->dialog = "  Esc to go back";
  room.live("waiting", "2.1.332", "dialog open");
  room.pass(1s);
  REQUIRE(room.all<Asked>().size() == 2);
  CHECK(room.all<Asked>()[1].request.key != request.key);
}

TEST_CASE("APermissionsDialogIsToldOfByItsHookHoweverLate") {
  Room room;
  room.cli->dialog = "  Do you want to proceed?";
  room.live("waiting");
  room.pass(9s);
  CHECK(room.all<Asked>().empty());
  room.pass(2s);
  REQUIRE(room.all<Asked>().size() == 1);
  CHECK(room.all<Asked>()[0].request.kind == ApprovalRequest::Kind::dialog);
  room.ask_person("c1", {{"tool_name", "Bash"}});
  REQUIRE(room.all<AskEnded>().size() == 1);
  CHECK(room.all<AskEnded>()[0].key == room.all<Asked>()[0].request.key);
  room.pass(11s);
  REQUIRE(room.all<Asked>().size() == 2);
  CHECK(room.all<Asked>()[1].request.kind == ApprovalRequest::Kind::permission);
}

TEST_CASE("AScreenThatHoldsAMessageIsToldThoughTheLiveStateSaysIdle") {
  Room room;
  room.live("idle");
  room.cli->dialog = "  Restore the code and/or conversation to the point before";
  CHECK(room.submit().outcome == SubmitOutcome::held);
  room.pass(1s);
  CHECK(room.all<Asked>().empty());  // a dialog that asks would show in the live state first
  room.pass(2s);
  REQUIRE(room.all<Asked>().size() == 1);
  CHECK(room.all<Asked>()[0].request.summary.starts_with("the rewind menu is open; "));
  (void)room.session->hook("UserPromptSubmit", {{"prompt", "x"}});
  CHECK(room.all<AskEnded>().empty());
  room.cli->dialog.clear();
  room.cli->draw();
  room.pass(1ms);
  CHECK(room.all<AskEnded>().size() == 1);
}

TEST_CASE("WhatRunsIsAskedOfTheLiveState") {
  Room room;
  auto const work = [&] { return room.run(room.session->running_work()); };
  CHECK(work().empty());
  // Nobody has told us of it yet.
  room.write_live("shell");
  CHECK(work() == "a command in the background");
  room.write_live("waiting");
  CHECK(work() == "something that waits for a person");
  room.write_live("idle");
  CHECK(work().empty());
  (void)room.session->hook("UserPromptSubmit", {{"prompt", "x"}});
  CHECK(work() == "a turn");
  Room untold;
  untold.write_live("busy");
  CHECK(untold.run(untold.session->running_work()) == "a turn");
}

TEST_CASE("ANoAtTheTerminalEndsTheHook") {
  Room room;
  room.ask_person("c1", {{"tool_name", "Bash"}});
  room.session->ask_left("c1");
  room.pass(2s);
  REQUIRE(room.all<AskEnded>().size() == 1);
  CHECK(room.all<AskEnded>()[0].answered);
  CHECK(room.session->block_reason(true).empty());
}

namespace {
std::string const kLimitMenu =
    "  What do you want to do?\n\n  \u276f 1. Stop and wait for limit to reset\n    2. Upgrade your plan\n\n"
    "  Enter to confirm \u00b7 Esc to cancel";
}  // namespace

TEST_CASE("TheMenuOfAUsedUpAccountIsNoTurnForAnAdoptedSession") {
  Room room(true, {{"sessionId", "s"}, {"status", "waiting"}, {"waitingFor", "dialog open"}, {"version", "2.1.332"}});
  room.cli->dialog = kLimitMenu;
  room.pass(20ms);  // it begins to wait
  room.pass(1s);
  CHECK(room.session->block_reason(false).empty());
  REQUIRE(room.all<TurnEnded>().size() == 1);
  CHECK(room.all<TurnEnded>()[0].outcome == TurnEnded::Outcome::unseen);
}

TEST_CASE("TheMenuOfAUsedUpAccountNeedsNobodyAndIsClosedForTheNextPrompt") {
  for (std::string const waiting_for : {"dialog open", "permission prompt"}) {
    Room room;
    room.cli->dialog = kLimitMenu;
    room.live("waiting", "2.1.332", waiting_for);
    room.pass(11s);
    bool const is_menu = waiting_for == "dialog open";
    CHECK(room.all<Asked>().empty() == is_menu);
    CHECK(room.all<WaitingForPerson>().empty() == is_menu);
    CHECK(room.session->block_reason(false).empty() == is_menu);
    CHECK(room.cli->pressed.empty());  // a person may choose something there
    room.cli->on_escape = [&] {
      room.cli->dialog.clear();
      room.write_live("idle");
    };
    room.cli->on_enter = [&] { room.take_enter(); };
    CHECK(room.submit().outcome == (is_menu ? SubmitOutcome::accepted : SubmitOutcome::held));
    CHECK(std::ranges::count(room.cli->pressed, "Escape") == is_menu);
  }
}

TEST_CASE("TheMenuOfAUsedUpAccountIsClosedThoughAMessageCameBeforeItWasKnown") {
  Room room;
  room.live("idle");
  room.cli->dialog = kLimitMenu;
  CHECK(room.submit().outcome == SubmitOutcome::held);
  CHECK(room.session->block_reason(false) == "the usage limit menu is open");
  room.live("waiting", "2.1.332", "dialog open");
  room.pass(1s);
  CHECK(room.session->block_reason(false).empty());
  room.cli->on_escape = [&] {
    room.cli->dialog.clear();
    room.write_live("idle");
  };
  room.cli->on_enter = [&] { room.take_enter(); };
  CHECK(room.submit().outcome == SubmitOutcome::accepted);
}

TEST_CASE("WhatIsNoRequestIsRefusedAndLeftToTheScreen") {
  Room room;
  for (json const& payload : {json::object(), json{{"tool_name", 5}}, json{{"tool_name", ""}}}) {
    room.ask_person("bad", payload);
    CHECK(room.errors.at("bad") == "tool_name");
  }
  CHECK(room.all<Asked>().empty());
  // Questions that are none are a permission like any other.
  room.ask_person("odd", {{"tool_name", "AskUserQuestion"}, {"tool_input", {{"questions", "what?"}}}});
  room.ask_person("odd2", {{"tool_name", "AskUserQuestion"}, {"tool_input", {{"questions", {5, nullptr}}}}});
  for (auto const& asked : room.all<Asked>()) CHECK(asked.request.kind == ApprovalRequest::Kind::permission);
  CHECK(room.all<Asked>().size() == 2);
}

namespace {

Prompt notice_in(Room const& room) {
  auto notice = room.prompt();
  notice.kind = "notice";
  notice.is_notice = true;
  return notice;
}
/// Runs it to its end while time stands still.
template <class Value>
Value run_still(Room& room, awaitable<Value> task) {
  std::optional<Value> value;
  net::co_spawn(room.io, std::move(task), [&](std::exception_ptr error, Value result) {
    if (error) std::rethrow_exception(error);
    value = std::move(result);
  });
  room.io.restart();
  for (auto const end = std::chrono::steady_clock::now() + 20s; !value && std::chrono::steady_clock::now() < end;)
    room.io.run_one_for(100ms);
  REQUIRE(value.has_value());
  return std::move(*value);
}
/// Time goes on, second by second, and what is written meanwhile is.
void pass_seconds(Room& room, int seconds) {
  for (int i = 0; i < seconds; ++i) {
    room.pass(1s);
    run_still(room, room.files.run([] { return true; }));
  }
}
SubmitResult offer(Room& room) {
  auto result = run_still(room, room.session->submit(notice_in(room), {}));
  room.pass(1ms);
  run_still(room, room.files.run([] { return true; }));
  return result;
}
RecordedOutcome ask_of_notice(Room& room) { return room.run(room.session->query_outcome(notice_in(room), false)); }
/// What the hook is given.
std::string fetched(Room& room) {
  auto const answer = room.session->hook("FileChanged", {{"session_id", "s"}});
  REQUIRE(answer.has_value());
  room.pass(1ms);
  return answer->value("notices", "");
}
std::string bell_in(Room const& room) {
  auto const content = read_file(room.dir.path() / "agent" / "claude" / "bell", 1024);
  return content ? *content : std::string();
}

}  // namespace

TEST_CASE("ANoticeIsFetchedByTheHookAndProvedByTheTranscript") {
  Room room;
  room.live("idle");
  room.cli->composer = "half typed human";
  CHECK(offer(room).outcome == SubmitOutcome::offered);
  CHECK(bell_in(room) != "");
  auto const text = fetched(room);
  CHECK(text.find("[agent-runner 0123456789 ") == 0);
  CHECK(fetched(room) == "");
  room.pass(1s);
  CHECK(room.all<Accepted>().empty());
  // The CLI's own frame stands around it.
  room.append({{"type", "user"},
               {"message",
                {{"role", "user"},
                 {"content",
                  "<task-notification>\n</task-notification>\n<system-reminder>\n" + text + "\n</system-reminder>"}}}});
  room.pass(1ms);
  REQUIRE(room.all<Accepted>().size() == 1);
  CHECK(room.all<Accepted>()[0].correlation_id == "0123456789");
  CHECK(room.cli->pastes == 0);
  CHECK(room.cli->pressed.empty());
  CHECK(room.cli->composer == "half typed human");
}

TEST_CASE("TheCliIsToldOfTheBellWithEachSession") {
  Room room;
  for (char const* source : {"startup", "clear", "resume", "compact"}) {
    auto const told = room.session->hook("SessionStart", {{"source", source}, {"session_id", "s"}});
    REQUIRE(told.has_value());
    CHECK((*told)["hookSpecificOutput"]["hookEventName"] == "SessionStart");
    CHECK((*told)["hookSpecificOutput"]["watchPaths"] ==
          json::array({(room.dir.path() / "agent" / "claude" / "bell").string()}));
  }
}

TEST_CASE("NoticesComeWhileTheTerminalTakesNothing") {
  Room room;
  room.live("busy");
  REQUIRE(room.session->hook("UserPromptSubmit", {{"prompt", "x"}, {"session_id", "s"}}).has_value());
  CHECK(room.session->block_reason(false) == "a turn is running");
  CHECK(room.session->block_reason_of_notice() == "");
  room.live("waiting");
  CHECK(room.session->block_reason(true) != "");
  CHECK(room.session->block_reason_of_notice() == "");
  CHECK(offer(room).outcome == SubmitOutcome::offered);
  CHECK(fetched(room) != "");
  // As long as it is at something, it may hold the notice back.
  room.pass(1min);
  CHECK(ask_of_notice(room) == RecordedOutcome::pending);
  REQUIRE(room.session->hook("PreCompact", {{"session_id", "s"}}).has_value());
  CHECK(room.session->block_reason_of_notice() == "the context is being compacted");
}

TEST_CASE("ABellThatNobodyHearsHasTheNoticeTyped") {
  Room room;
  room.live("idle");
  CHECK(offer(room).outcome == SubmitOutcome::offered);
  auto const first = bell_in(room);
  CHECK(first != "");
  pass_seconds(room, 3);
  CHECK(bell_in(room) != first);  // the watch may have come after the ring
  CHECK(ask_of_notice(room) == RecordedOutcome::pending);
  auto const told = room.all<BlockChanged>().size();
  pass_seconds(room, 20);
  CHECK(room.all<BlockChanged>().size() == told + 1);
  CHECK(fetched(room) == "");  // it is nobody's any more, however late the hook comes
  CHECK(ask_of_notice(room) == RecordedOutcome::absent);
}

TEST_CASE("WithoutAHeardBellNoticesAreTyped") {
  Room room;
  room.live("idle");
  CHECK(offer(room).outcome == SubmitOutcome::offered);
  pass_seconds(room, 20);
  CHECK(ask_of_notice(room) == RecordedOutcome::absent);
  room.cli->on_enter = [&] { room.take_enter(); };
  CHECK(room.run(room.session->submit(notice_in(room), {})).outcome == SubmitOutcome::accepted);
  CHECK(room.cli->pastes == 1);
  // A new session has the CLI watch it anew.
  REQUIRE(room.session->hook("SessionStart", {{"source", "clear"}, {"session_id", "s"}}).has_value());
  CHECK(offer(room).outcome == SubmitOutcome::offered);
}

TEST_CASE("AFetchedNoticeIsAbsentOnlyWhenTheCliHasRestedWithoutIt") {
  Room room;
  room.live("idle");
  CHECK(offer(room).outcome == SubmitOutcome::offered);
  CHECK(fetched(room) != "");
  auto const told = room.all<BlockChanged>().size();
  room.pass(9s);
  CHECK(ask_of_notice(room) == RecordedOutcome::pending);
  room.pass(2s);
  CHECK(room.all<BlockChanged>().size() == told + 1);  // the question is to come again
  room.live("busy");
  CHECK(ask_of_notice(room) == RecordedOutcome::pending);
  room.live("idle");
  room.pass(1s);
  CHECK(ask_of_notice(room) == RecordedOutcome::absent);
}

TEST_CASE("ANoticeInTheClisQueueIsWaitedFor") {
  Room room;
  room.live("idle");
  CHECK(offer(room).outcome == SubmitOutcome::offered);
  auto const text = fetched(room);
  room.append({{"type", "queue-operation"}, {"operation", "enqueue"}, {"content", text}});
  room.pass(1min);
  CHECK(ask_of_notice(room) == RecordedOutcome::pending);
  room.append({{"type", "queue-operation"}, {"operation", "remove"}, {"content", text}});
  room.append({{"type", "attachment"}, {"attachment", {{"type", "queued_command"}, {"prompt", text}}}});
  room.pass(1ms);
  CHECK(ask_of_notice(room) == RecordedOutcome::accepted);
  CHECK(room.all<Accepted>().size() == 1);
}

TEST_CASE("WhatADaemonBeforeGaveTheHookIsWaitedForToo") {
  Room room(true, {{"pid", 4711}, {"sessionId", "s"}, {"status", "idle"}});
  room.pass(20ms);
  REQUIRE(room.all<Ready>().size() == 1);
  room.append({{"type", "mode"}});
  CHECK(ask_of_notice(room) == RecordedOutcome::pending);
  room.pass(11s);
  CHECK(ask_of_notice(room) == RecordedOutcome::absent);
}
