// The real host with a scripted agent behind it, driven by a session as the daemon has one.
#include "adapters/acp/acp_adapter.hpp"
#include "adapters/adapter.hpp"
#include "base/paths.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <fcntl.h>
#include <fstream>
#include <optional>
#include <signal.h>
#include <spawn.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace ar;
using namespace ar::adapters;
using namespace ar::terminal;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// The host's terminal, a pipe that the test types into.
class HostTerminal final : public Terminal {
 public:
  explicit HostTerminal(pid_t pid) : pid_(pid) {}
  std::string const& pane() const override { return name_; }
  std::string const& session() const override { return name_; }
  pid_t pid() const override { return pid_; }
  bool alive() const override { return ::kill(pid_, 0) == 0; }
  void signal(int number) override { ::kill(pid_, number); }
  awaitable<Result<Screen>> capture(bool /*with_styles*/) override { co_return Screen(); }
  awaitable<Result<void>> paste(std::string /*text*/, std::string /*label*/) override { co_return no(); }
  awaitable<Result<void>> keys(std::vector<std::string> /*names*/) override { co_return no(); }
  awaitable<Result<void>> paste_and_enter(std::string /*text*/, std::string /*label*/) override { co_return no(); }
  awaitable<Result<void>> leave_copy_mode() override { co_return no(); }
  Result<std::unique_ptr<OutputWatch>> watch_output() override { return no(); }

 private:
  static Error no() { return conflict("typed", "nothing is ever typed for an agent that speaks ACP"); }
  pid_t pid_;
  std::string name_ = "%1";
};

struct Room {
  test::TempDir dir;
  net::io_context io{1};
  Worker files;
  std::shared_ptr<Adapter const> adapter = make_acp_adapter("scripted");
  SessionContext context{io.get_executor(), files};
  std::unique_ptr<ProviderSession> session;
  std::vector<ProviderEvent> events{};
  Notifier heard{io.get_executor()};
  pid_t host = -1;
  int keys = -1;
  std::int64_t messages = 0;

  Room() {
    fs::create_directories(dir.path() / "state");
    auto& request = context.request;
    request.agent_id = "alice";
    request.cwd = dir.path();
    request.agent_dir = dir.path();
    request.hook_client = fs::path(AR_BIN_DIR) / "agent-runner-hook";
    request.environment = {{"HOME", dir.path().string()}, {"PATH", "/bin"}, {"AGENT_RELAY_TOKEN", "secret-of-alice"}};
    agent({});
    context.emit = [this](ProviderEvent event) {
      events.push_back(std::move(event));
      heard.notify_all();
    };
  }
  ~Room() {
    if (keys >= 0) ::close(keys);
    if (host > 0) end_host(SIGKILL);
  }

  void agent(std::vector<std::string> more) {
    json command = json::array({std::string(AR_BIN_DIR) + "/../tests/scripted-agent", (dir.path() / "state").string()});
    for (auto& word : more) command.push_back(std::move(word));
    context.request.options["command"] = std::move(command);
  }

  void start_host() {
    auto const plan = adapter->prepare(context.request);
    REQUIRE_MESSAGE(plan.has_value(), plan.error().message);
    context.session_id = plan->session_id;
    std::array<int, 2> typed{};
    REQUIRE(::pipe2(typed.data(), O_CLOEXEC) == 0);
    std::vector<char*> argv, environment;
    auto words = plan->argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::vector<std::string> variables;
    for (auto const& [name, value] : plan->environment) variables.push_back(name + "=" + value);
    for (auto& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, typed[0], 0);
    posix_spawn_file_actions_addopen(&actions, 1, (dir.path() / "screen").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    REQUIRE(::posix_spawn(&host, argv[0], &actions, nullptr, argv.data(), environment.data()) == 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(typed[0]);
    if (keys >= 0) ::close(keys);
    keys = typed[1];
    context.terminal = std::make_shared<HostTerminal>(host);
  }
  int end_host(int signal) {
    if (signal != 0) ::kill(host, signal);
    int status = 0;
    ::waitpid(host, &status, 0);
    host = -1;
    return status;
  }
  void type(std::string const& line) const {
    auto const text = line + "\n";
    REQUIRE(::write(keys, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }

  void open_session(bool adopted) {
    context.adopted = adopted;
    events.clear();
    session = adapter->open(context);
    session->start();
  }
  /// As a daemon that ends: the host goes on.
  awaitable<void> let_go() {
    co_await session->stop();
    session.reset();
  }
  /// A new process for the same agent, which is to go on with its conversation where it can.
  awaitable<void> restart() {
    auto const conversation = last<Ready>().session_id;
    co_await let_go();
    context.request.resume_session = adapter->can_resume(context.request, conversation) ? conversation : "";
    start_host();
    open_session(false);
    co_await until_open();
  }

  template <class Body>
  void run(Body body) {
    auto const whole = [&]() -> awaitable<void> {
      start_host();
      open_session(false);
      co_await until_open();
      co_await body();
      if (session) co_await session->stop();
    };
    test::run(io, whole, std::chrono::seconds(60));
  }
  awaitable<void> until(std::function<bool()> condition) {
    auto const deadline = Clock::now() + 20s;
    while (!condition()) {
      REQUIRE_MESSAGE(Clock::now() < deadline, session->block_reason(false) << screen());
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
  template <class Event>
  Event last() const {
    auto const found = all<Event>();
    REQUIRE(!found.empty());
    return found.back();
  }
  std::string text(std::string const& name) const {
    std::ifstream in(dir.path() / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string screen() const { return text("screen"); }
  void write(std::string const& name) const { std::ofstream(dir.path() / "state" / name).flush(); }
  /// The prompts that reached the agent, each as it came.
  std::vector<std::string> received() const {
    std::vector<std::string> prompts;
    std::istringstream in(text("state/received"));
    for (std::string line; std::getline(in, line);) prompts.push_back(json::parse(line));
    return prompts;
  }
  std::size_t times(std::string const& words) const {
    auto const prompts = received();
    return static_cast<std::size_t>(
        std::ranges::count_if(prompts, [&](auto const& one) { return one.find(words) != std::string::npos; }));
  }

  Prompt prompt(std::string body) {
    Prompt prompt;
    prompt.message_id = ++messages;
    prompt.correlation_id = "00000000" + std::to_string(10 + messages);
    prompt.from = "bob";
    prompt.kind = "chat";
    prompt.body = std::move(body);
    prompt.body_file = dir.path() / ("body-" + std::to_string(messages));
    return prompt;
  }
  struct Attempt {
    std::optional<SubmitResult> result{};
  };
  std::shared_ptr<Attempt> submit(TaskGroup& tasks, Prompt prompt) {
    auto const attempt = std::make_shared<Attempt>();
    auto const go = [](ProviderSession& s, Prompt p, std::shared_ptr<Attempt> out) -> awaitable<void> {
      out->result = co_await s.submit(std::move(p), {});
    };
    tasks.spawn("submit", go(*session, std::move(prompt), attempt));
    return attempt;
  }
};

}  // namespace

TEST_CASE("MessagesReachTheAgentByteForByteAndEachOnce") {
  Room room;
  room.run([&]() -> awaitable<void> {
    std::vector<std::string> const bodies{"short",
                                          "two\nlines\t with blanks  ",
                                          "/compact",
                                          "!ls",
                                          "@file \x1b[31mred\x1b[0m",
                                          std::string(100'000, 'x'),
                                          "\xf0\x9f\x9a\x80 \xe2\x80\xae right to left",
                                          "[end 0000000011]"};
    for (auto const& body : bodies) {
      auto prompt = room.prompt(body);
      auto const result = co_await room.session->submit(prompt, {});
      CHECK_MESSAGE(result.outcome == SubmitOutcome::accepted, result.reason);
      co_await room.until_open();
    }
    auto const got = room.received();
    REQUIRE(got.size() == bodies.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i].find("\n" + bodies[i] + "\n[end ") != std::string::npos);
    // What it is to know of the bus stands before the first one, and no other.
    CHECK(!got[0].starts_with("[agent-runner "));
    CHECK(got[1].starts_with("[agent-runner "));
    CHECK(room.all<TurnEnded>().size() == bodies.size());
    CHECK(room.last<TurnEnded>().final_text == "ACK");
    CHECK(room.text("acp/record-1.jsonl").find("secret-of-alice") == std::string::npos);
    CHECK(room.text("state/new").find("secret-of-alice") != std::string::npos);
    struct stat record{};
    REQUIRE(::stat((room.dir.path() / "acp/record-1.jsonl").c_str(), &record) == 0);
    CHECK((record.st_mode & 0777) == 0600);
  });
}

TEST_CASE("AMessageIsNotAcceptedBeforeTheAgentShowsThatItHasIt") {
  Room room;
  room.run([&]() -> awaitable<void> {
    TaskGroup tasks(room.io.get_executor(), "test");
    auto const prompt = room.prompt("[[wait:go]]");
    auto const attempt = room.submit(tasks, prompt);
    co_await room.until([&] { return room.times("[[wait:go]]") == 1; });
    CHECK(!attempt->result);
    CHECK(room.session->block_reason(true) == "a turn is running");
    CHECK(co_await room.session->query_outcome(prompt, false) == RecordedOutcome::pending);
    room.write("go");
    co_await tasks.join();
    CHECK(attempt->result->outcome == SubmitOutcome::accepted);
    CHECK(room.last<Accepted>().correlation_id == prompt.correlation_id);
  });
}

TEST_CASE("APersonsLineAndTheBusNeverMakeTwoPromptsAtOnce") {
  Room room;
  room.run([&]() -> awaitable<void> {
    room.type("[[think]][[wait:go]] from the person");
    co_await room.until([&] { return !room.all<TurnStarted>().empty() && room.received().size() == 1; });
    auto const early = room.prompt("from the bus");
    auto const held = co_await room.session->submit(early, {});
    CHECK(held.outcome == SubmitOutcome::held);
    room.type("another line");
    co_await room.until([&] { return room.screen().find("waits for the end of the turn") != std::string::npos; });
    CHECK(room.received().size() == 1);
    room.write("go");
    co_await room.until([&] { return room.all<TurnEnded>().size() == 2; });
    co_await room.until_open();
    auto const result = co_await room.session->submit(early, {});
    CHECK(result.outcome == SubmitOutcome::accepted);
    CHECK(room.received().size() == 3);
    CHECK(room.received()[1] == "another line");
    for (auto const& end : room.all<TurnEnded>()) CHECK(end.outcome == TurnEnded::Outcome::completed);
  });
}

TEST_CASE("TheFirstAnswerToAPermissionCounts") {
  Room room;
  room.run([&]() -> awaitable<void> {
    for (bool const by_person : {false, true}) {
      room.events.clear();
      auto const asking = room.prompt("[[ask]]");
      auto const result = co_await room.session->submit(asking, {});
      CHECK(result.outcome == SubmitOutcome::accepted);
      co_await room.until([&] { return !room.all<Asked>().empty(); });
      auto const request = room.last<Asked>().request;
      CHECK(request.summary == "touch file");
      CHECK(request.input["command"] == "touch file");
      CHECK(request.choices ==
            std::vector{Decision::approve, Decision::approve_session, Decision::deny, Decision::abort});
      CHECK(room.session->block_reason(true) == "waiting for a person: permission: touch file");
      Answer deny;
      deny.decision = Decision::deny;
      if (by_person) room.type("2");
      if (!by_person) room.session->answer(request.key, deny);
      if (!by_person) co_await room.until([&] { return !room.all<AskEnded>().empty(); });
      if (!by_person) room.type("1");
      co_await room.until([&] { return !room.all<TurnEnded>().empty(); });
      CHECK(room.all<TurnEnded>().front().final_text == (by_person ? "always" : "no"));
      CHECK(!room.all<AskEnded>().empty());
      if (!by_person)
        co_await room.until([&] { return room.all<TurnEnded>().size() == 2; });  // the line "1", as a prompt
      co_await room.until_open();
    }
  });
}

TEST_CASE("NobodyWhoMayNotBeAskedIsAsked") {
  Room room;
  room.context.request.request_input = false;
  SUBCASE("a request is refused") {}
  SUBCASE("or allowed, with the mode full") { room.context.request.approval_mode = "full"; }
  room.run([&]() -> awaitable<void> {
    auto const asking = room.prompt("[[ask]]");
    (void)co_await room.session->submit(asking, {});
    co_await room.until([&] { return !room.all<TurnEnded>().empty(); });
    CHECK(room.last<TurnEnded>().final_text == (room.context.request.approval_mode == "full" ? "yes" : "no"));
    CHECK(room.all<Asked>().empty());
  });
}

TEST_CASE("AnInterruptEndsTheTurnAndWhatItAsks") {
  Room room;
  room.run([&]() -> awaitable<void> {
    for (auto const* body : {"[[think]][[wait:never]]", "[[ask]]"}) {
      room.events.clear();
      auto const prompt = room.prompt(body);
      auto const result = co_await room.session->submit(prompt, {});
      CHECK(result.outcome == SubmitOutcome::accepted);
      if (std::string(body) == "[[ask]]") co_await room.until([&] { return !room.all<Asked>().empty(); });
      auto const stopped = co_await room.session->interrupt();
      CHECK(stopped.has_value());
      co_await room.until([&] { return !room.all<TurnEnded>().empty(); });
      CHECK(room.last<TurnEnded>().outcome == TurnEnded::Outcome::interrupted);
      co_await room.until_open();
    }
  });
}

TEST_CASE("ADaemonThatComesBackFindsTheTurnAndTheQuestion") {
  Room room;
  room.run([&]() -> awaitable<void> {
    TaskGroup tasks(room.io.get_executor(), "test");
    auto const first = room.prompt("[[think]][[wait:go]]");
    auto const result = co_await room.session->submit(first, {});
    CHECK(result.outcome == SubmitOutcome::accepted);
    co_await room.let_go();
    room.open_session(true);
    co_await room.until([&] { return !room.all<Ready>().empty(); });
    CHECK(room.last<Ready>().turn_runs);
    CHECK(co_await room.session->query_outcome(first, false) == RecordedOutcome::accepted);
    room.write("go");
    co_await room.until([&] { return !room.all<TurnEnded>().empty(); });
    auto const asking = room.prompt("[[ask]]");
    (void)co_await room.session->submit(asking, {});
    co_await room.let_go();
    room.open_session(true);
    co_await room.until([&] { return !room.all<Asked>().empty(); });
    Answer yes;
    yes.decision = Decision::approve;
    room.session->answer(room.last<Asked>().request.key, yes);
    co_await room.until([&] { return !room.all<TurnEnded>().empty(); });
    CHECK(room.last<TurnEnded>().final_text == "yes");
    // One session was opened, whoever asked.
    CHECK(!fs::exists(room.dir.path() / "state/session-2.jsonl"));
    // A turn that ended while nobody looked stands in the record.
    std::vector<std::string> ids{first.correlation_id};
    auto const end = room.adapter->turn_end(room.context.request, room.last<Ready>().transcript, ids);
    REQUIRE(end.has_value());
    CHECK(end->final_text == "ACK");
  });
}

TEST_CASE("ADaemonThatDiesWithAMessageOnItsWayNeverGivesItTwice") {
  Room room;
  room.run([&]() -> awaitable<void> {
    TaskGroup tasks(room.io.get_executor(), "test");
    auto const silent = room.prompt("[[wait:go]] in hand");
    auto const attempt = room.submit(tasks, silent);
    co_await room.until([&] { return room.times("in hand") == 1; });
    co_await tasks.stop();
    co_await room.let_go();
    room.open_session(true);
    co_await room.until([&] { return !room.all<Ready>().empty(); });
    CHECK(co_await room.session->query_outcome(silent, false) == RecordedOutcome::pending);
    room.write("go");
    co_await room.until([&] { return !room.all<Accepted>().empty(); });
    CHECK(room.last<Accepted>().correlation_id == silent.correlation_id);
    auto const never = room.prompt("never sent");
    CHECK(co_await room.session->query_outcome(never, false) == RecordedOutcome::absent);
    CHECK(room.times("in hand") == 1);
  });
}

TEST_CASE("AnAgentThatDiesIsAskedByItsReplay") {
  Room room;
  auto const record = [&] { return (room.dir.path() / "acp/record-1.jsonl").string(); };
  auto const say = [&](Prompt const& prompt) {
    return room.adapter->look_up_outcome(room.context.request, record(), prompt);
  };
  SUBCASE("one that loads its conversations knows") {
    room.run([&]() -> awaitable<void> {
      auto const kept = room.prompt("[[die-after]]");
      auto const lost = room.prompt("[[die]]");
      for (auto const* prompt : {&kept, &lost}) {
        auto const result = co_await room.session->submit(*prompt, {});
        CHECK(result.outcome == SubmitOutcome::unknown);
        CHECK(WEXITSTATUS(room.end_host(0)) == 3);
        CHECK(say(*prompt) == RecordedOutcome::pending);
        co_await room.restart();
        CHECK(say(*prompt) == (prompt == &kept ? RecordedOutcome::accepted : RecordedOutcome::absent));
      }
      CHECK(room.last<Ready>().session_id == "session-1");
    });
  }
  SUBCASE("of one that does not, nobody knows") {
    room.agent({"no-load"});
    room.run([&]() -> awaitable<void> {
      auto const lost = room.prompt("[[die]]");
      auto const result = co_await room.session->submit(lost, {});
      CHECK(result.outcome == SubmitOutcome::unknown);
      (void)room.end_host(0);
      CHECK(say(lost) == RecordedOutcome::blind);
      co_await room.restart();
      CHECK(say(lost) == RecordedOutcome::blind);
      CHECK(room.last<Ready>().session_id == "session-2");
      // Also for a daemon that comes later, and has not seen that process.
      co_await room.let_go();
      room.open_session(true);
      co_await room.until_open();
      CHECK(co_await room.session->query_outcome(lost, false) == RecordedOutcome::blind);
      auto const never = room.prompt("never sent");
      CHECK(say(never) == RecordedOutcome::absent);
    });
  }
  SUBCASE("its host's death is its own") {
    room.run([&]() -> awaitable<void> {
      auto const running = room.prompt("[[wait:go]]");
      TaskGroup tasks(room.io.get_executor(), "test");
      auto const attempt = room.submit(tasks, running);
      co_await room.until([&] { return room.times("[[wait:go]]") == 1; });
      (void)room.end_host(SIGKILL);
      co_await tasks.join();
      CHECK(attempt->result->outcome == SubmitOutcome::unknown);
      co_await room.restart();
      CHECK(say(running) == RecordedOutcome::accepted);
    });
  }
}

TEST_CASE("AnEndLeavesNoProcess") {
  Room room;
  room.run([&]() -> awaitable<void> {
    auto const prompt = room.prompt("[[leave]]");
    (void)co_await room.session->submit(prompt, {});
    co_await room.until([&] { return !room.text("state/left").empty(); });
    auto const left = std::atoi(room.text("state/left").c_str());
    REQUIRE(::kill(left, 0) == 0);
    auto const asked = co_await room.session->quit();
    CHECK(asked.has_value());
    CHECK(room.end_host(0) == 0);
    CHECK(::kill(left, 0) != 0);
  });
}

TEST_CASE("WhatTheAgentAsksForBesidesIsRefusedAndNothingItWritesSteersTheTerminal") {
  Room room;
  room.run([&]() -> awaitable<void> {
    auto const prompt = room.prompt("[[fs]][[junk]][[say:\x1b]0;title\x07 fine]]");
    auto const result = co_await room.session->submit(prompt, {});
    CHECK(result.outcome == SubmitOutcome::accepted);
    co_await room.until([&] { return room.screen().find("fine") != std::string::npos; });
    CHECK(room.screen().find("\x1b]0") == std::string::npos);
    CHECK(room.text("acp/record-1.jsonl").find("this client does not offer fs/read_text_file") != std::string::npos);
  });
}

TEST_CASE("ErrorsAreToldApart") {
  Room room;
  room.run([&]() -> awaitable<void> {
    auto const refused = room.prompt("[[fail:-32602:the prompt is malformed]]");
    auto const result = co_await room.session->submit(refused, {});
    CHECK(result.outcome == SubmitOutcome::held);
    CHECK(result.reason.find("the prompt is malformed") != std::string::npos);
    CHECK(co_await room.session->query_outcome(refused, false) == RecordedOutcome::absent);
    co_await room.until_open();
    auto const limited = room.prompt("[[fail:-32603:got status: 429 Too Many Requests]]");
    auto const taken = co_await room.session->submit(limited, {});
    CHECK(taken.outcome == SubmitOutcome::accepted);
    co_await room.until([&] { return room.all<TurnEnded>().size() == 2; });
    CHECK(room.last<TurnEnded>().error_kind == "rate_limit");
    CHECK(room.last<TurnEnded>().did_nothing);
  });
}

TEST_CASE("AModelIsChosenOrTheRefusalNamesWhatThereIs") {
  Room room;
  SUBCASE("one that it offers") {
    room.context.request.model = "Large";
    room.run([&]() -> awaitable<void> {
      CHECK(room.last<Ready>().model == "large");
      co_return;
    });
  }
  SUBCASE("one that it does not") {
    room.context.request.model = "huge";
    auto const whole = [&]() -> awaitable<void> {
      room.start_host();
      room.open_session(false);
      co_await room.until([&] { return !room.all<WaitingForPerson>().empty(); });
      CHECK(room.session->block_reason(false) ==
            "scripted offers no model \"huge\"; it offers small, large: spawn it with "
            "another one, or with none");
      co_await room.session->stop();
    };
    test::run(room.io, whole);
  }
}

TEST_CASE("AClearedConversationIsANewOne") {
  Room room;
  room.run([&]() -> awaitable<void> {
    auto const cleared = co_await room.session->clear();
    CHECK(cleared.has_value());
    CHECK(room.last<SessionChanged>().session_id == "session-2");
    auto const prompt = room.prompt("hello");
    (void)co_await room.session->submit(prompt, {});
    co_await room.until([&] { return room.text("state/session-2.jsonl").find("hello") != std::string::npos; });
    CHECK(room.text("state/session-1.jsonl").empty());
  });
}
