// The matrix: every state of a provider against every kind of body, over the whole road, with the real CLIs. Each
// message is accepted exactly once and byte for byte, as the prompt or as a file beside it, and not before its time.
//
// How each cell came out is compared with what was recorded for that version of the CLI (matrix/NAME-VERSION.json), or
// printed where it differs from the newest record of another one. AR_MATRIX_RECORD=FOLDER records it there first.
#include "base/paths.hpp"
#include "e2e/bodies.hpp"
#include "e2e/offline.hpp"
#include "e2e/provider_road.hpp"
#include "e2e/received.hpp"

#include <cstdio>
#include <cstdlib>
#include <map>

using namespace ar;
using test::Installation;
using test::ProviderRoad;

namespace {

std::vector<std::pair<std::string, std::string>> const& bodies() {
  static std::vector<std::pair<std::string, std::string>> const all{
      {"short", "short"},
      {"multi-line", "first line\n\n  third line, indented\nlast"},
      {"2 kB", test::repeated("a line of some words\n", 2'000)},
      {"100 kB", test::repeated("0123456789 abcdefghijklmnopqrstuvwxyz\n", 100'000)},
      {"Unicode", "grüße, 日本語, עברית, 👩‍👩‍👧 e\u0301 \u212b"},
      {"/x", "/exit"},
      {"!x", "! touch must-not-exist"},
      {"escapes", "\033[31mred\033[0m, \033[201~ and a lone \033 here"}};
  return all;
}

/// Over before anybody could look: nothing is handed before the agent is idle again, as its events tell.
constexpr auto kUntilReady = "until it is ready";
constexpr auto kModelDown = "model API down";

struct State {
  std::string name;
  std::string held;  ///< part of the reason shown while it lasts; kUntilReady; empty: nothing is kept back
  std::function<void()> enter;
  std::function<void()> leave = [] {};
};

/// In an order in which one state's traces do not disturb the next.
std::vector<State> states_of(ProviderRoad& road) {
  auto& home = road.home;
  auto const nothing = [] {};
  // The provider says that it asks before its dialog is there; a key that comes before that is lost.
  auto const cancel = [&road](std::string const& dialog) {
    return [&road, dialog] {
      road.wait_for_screen(dialog);
      road.keys({"Escape"});
    };
  };
  std::vector<State> all;
  all.push_back({"starting", kUntilReady, [&road] { road.spawn(); }, nothing});
  all.push_back({"idle", "", nothing, nothing});
  all.push_back(
      {"busy in a tool", "a turn is running", [&road] { road.begin_turn(road.tool_turn(), "tool.started"); }, nothing});
  all.push_back({"busy in the model", "a turn is running",
                 [&road] { road.begin_turn(ProviderRoad::model_turn(), "turn.started"); }, nothing});
  all.push_back({"permission dialog", "waits for a person",
                 [&road] { road.begin_turn(road.permission_turn(), "agent.waiting"); },
                 cancel(road.permission_dialog())});
  all.push_back({"question dialog", "waits for a person",
                 [&road] { road.begin_turn(road.question_turn(), "agent.waiting"); }, cancel("2. Blue")});
  all.push_back({"half-typed draft", road.draft_holds() ? "a person is typing" : "",
                 [&road] { road.type("half typed"); },
                 [&road] {
                   auto const back = [&] { return road.screen().find("half typed") != std::string::npos; };
                   CHECK(Installation::eventually(back));
                 }});
  all.push_back({"compacting", "compacted",
                 [&road] {
                   for (int i = 0; i < 3 && road.draft_holds(); ++i) road.keys({"C-u"});
                   if (!road.draft_holds()) {  // there it has stayed where it was
                     auto const before = road.last_event("turn.ended");
                     road.keys({"Enter"});
                     road.wait_for_event("turn.ended", before);
                   }
                   road.home.wait_for_state("m", "idle");
                   road.set_mode({{"mode", "ok"}, {"delay", 3'000}});
                   road.compact();
                   road.set_mode({{"mode", "ok"}});
                 },
                 nothing});
  all.push_back({"copy mode", "", [&road] { road.copy_mode(); }, nothing});
  all.push_back({"exited", kUntilReady,
                 [&road] {
                   auto const before = road.last_event("agent.exited");
                   road.exit_by_itself();
                   road.wait_for_event("agent.exited", before);
                 },
                 nothing});
  all.push_back({"crashed", kUntilReady,
                 [&road] {
                   auto const before = road.last_event("agent.exited");
                   REQUIRE(road.provider_pid() > 0);
                   ::kill(road.provider_pid(), SIGKILL);
                   road.wait_for_event("agent.exited", before);
                 },
                 nothing});
  all.push_back({"restarting", kUntilReady, [&home] { home.good({"restart", "m"}); }, nothing});
  all.push_back({"stopped", "the agent is stopped", [&home] { home.good({"stop", "m"}); },
                 [&home] { home.good({"restart", "m"}); }});
  all.push_back({kModelDown, "the provider refuses work",
                 [&road] { road.set_mode({{"mode", "fail"}, {"status", 503}}); },
                 [&road] {
                   road.set_mode({{"mode", "ok"}});
                   road.home.good({"restart", "m"});  // else it tries again after half a minute
                 }});
  return all;
}

/// The numbers of the agent's first return to idle, and of the first handing of a message, after event `mark`.
std::pair<std::int64_t, std::int64_t> ready_and_handed(ProviderRoad& road, std::int64_t mark) {
  std::int64_t ready = 0, handed = 0;
  for (auto const& line : Installation::lines(road.home.good({"events", "m", "--json", "--from", "0"}).out)) {
    auto const event = json::parse(line);
    auto const number = event["agentNumber"].get<std::int64_t>();
    if (number <= mark) continue;
    if (ready == 0 && event["type"] == "agent.state" && event["data"]["state"] == "idle") ready = number;
    if (handed == 0 && event["type"] == "message.submitted") handed = number;
  }
  return {ready, handed};
}

bool is_taken(std::string const& state) { return state == "running" || state == "done" || state == "failed"; }

/// How the bodies came out in one state, by their names: "inline" or "file".
json run_state(ProviderRoad& road, State const& state) {
  CAPTURE(state.name);
  auto& home = road.home;
  auto const mark = state.name == "starting" ? 0 : road.last_event("");
  state.enter();
  std::vector<std::int64_t> ids;
  auto const send_next = [&] { ids.push_back(home.send("m", bodies()[ids.size()].second)); };
  send_next();
  if (!state.held.empty() && state.held != kUntilReady) {
    auto const kept_back = Installation::eventually(
        [&] { return home.agent("m").value("held", "").find(state.held) != std::string::npos; });
    CHECK_MESSAGE(kept_back, home.agent("m").dump(1), home.message(ids.front()).dump(1));
    CHECK_FALSE(is_taken(home.delivery_state(ids.front())));
  }
  while (ids.size() < bodies().size()) send_next();
  state.leave();
  for (auto const id : ids) {
    auto const over = [&] {
      auto const now = home.delivery_state(id);
      return now == "done" || now == "failed";
    };
    REQUIRE_MESSAGE(Installation::eventually(over), home.message(id).dump(1), home.agent("m").dump(1), road.screen(),
                    home.run({"events", "m"}).out);
    CHECK(home.delivery_state(id) == "done");
  }

  if (state.held == kUntilReady) {
    auto const [ready, handed] = ready_and_handed(road, mark);
    CHECK(ready > 0);
    CHECK(ready < handed);
  }
  auto const received = test::received_by_model(road.prompts());
  json cells = json::object();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto const& [name, body] = bodies()[i];
    CAPTURE(name);
    auto const at_model = received.find(ids[i]);
    REQUIRE(at_model != received.end());
    // What the model refused to work on stands in the conversation, and is given again.
    bool const given_again = state.name == kModelDown && i == 0;
    CHECK(at_model->second.times == (given_again ? 2 : 1));
    auto const file = home.body_file("m", ids[i]);
    if (at_model->second.text == body) {
      cells[name] = "inline";
    } else {
      REQUIRE_MESSAGE(!file.empty(), at_model->second.text);
      CHECK_MESSAGE(at_model->second.text.find(file.string()) != std::string::npos, at_model->second.text);
      auto const stored = read_file(file, 10U << 20);
      REQUIRE(stored.has_value());
      CHECK(*stored == body);
      cells[name] = "file";
    }
    CHECK(home.message(ids[i])["readBy"] == json::array({"m"}));
  }
  home.wait_for_state("m", "idle");
  return cells;
}

std::string version_of(ProviderRoad& road) {
  auto const said = road.home.run_program(road.cli(), {"--version"}, "").out;
  auto const begin = said.find_first_of("0123456789");
  REQUIRE(begin != std::string::npos);
  return said.substr(begin, said.find_first_not_of("0123456789.", begin) - begin);
}

void print(json const& states) {
  std::printf("%-18s", "");
  for (auto const& [name, body] : bodies()) std::printf(" %-10s", name.c_str());
  std::printf(" held until then\n");
  for (auto const& state : states) {
    std::printf("%-18s", state["state"].get<std::string>().c_str());
    for (auto const& [name, body] : bodies()) std::printf(" %-10s", state["bodies"].value(name, "").c_str());
    std::printf(" %s\n", state["held"].get<std::string>().c_str());
  }
}

/// What was seen with this version of the CLI, or else with the newest one that there is a record of.
void compare(std::string const& provider, std::string const& version, json const& states) {
  namespace fs = std::filesystem;
  auto const folder = fs::path(AR_SOURCE_DIR) / "tests" / "e2e" / "matrix";
  auto const file = folder / (provider + "-" + version + ".json");
  json const record = {{"provider", provider}, {"version", version}, {"states", states}};
  if (auto const* const wanted = std::getenv("AR_MATRIX_RECORD"); wanted && *wanted) {
    fs::create_directories(wanted);
    std::ofstream(fs::path(wanted) / file.filename()) << record.dump(1) << "\n";
  }
  bool const known = fs::exists(file);
  auto other = file;
  for (auto const& entry : fs::directory_iterator(folder))
    if (!known && entry.path().filename().string().starts_with(provider + "-") &&
        (!fs::exists(other) || entry.path() > other))
      other = entry.path();
  auto const text = read_file(other, 1U << 20);
  REQUIRE_MESSAGE(text.has_value(), "there is no record of any version of ", provider);
  auto const before = json::parse(*text);
  auto const changes = json::diff(before["states"], states);
  if (known)
    CHECK_MESSAGE(changes.empty(), "not as recorded for ", version, ": ", changes.dump(1));
  else
    std::printf("no record of %s %s; against %s it differs in: %s\nAR_MATRIX_RECORD=%s records it\n", provider.c_str(),
                version.c_str(), before["version"].dump().c_str(), changes.dump(1).c_str(), folder.c_str());
}

/// `same`: each time it has to come out as recorded.
void run_matrix(ProviderRoad& road, bool same = true) {
  json states = json::array();
  for (auto const& state : states_of(road)) {
    auto cells = run_state(road, state);
    states.push_back({{"state", state.name}, {"held", state.held}, {"bodies", std::move(cells)}});
  }
  CHECK_FALSE(std::filesystem::exists(road.home.work() / "must-not-exist"));
  auto const version = version_of(road);
  std::printf("%s %s\n", road.name().c_str(), version.c_str());
  print(states);
  if (same) compare(road.name(), version, states);
}

}  // namespace

TEST_CASE("ClaudeCodeTakesEveryBodyInEveryState") {
  test::ClaudeRoad road(test::claude_offline());
  run_matrix(road);
}

/// Long: E2E_SOCKET_MATRIX=1 runs it. What is beyond the CLI's limits is typed, whichever message that is.
TEST_CASE("ClaudeCodeTakesEveryBodyInEveryStateAtItsSocket") {
  if (!std::getenv("E2E_SOCKET_MATRIX")) return;
  test::ClaudeRoad road(test::claude_offline(), "socket");
  run_matrix(road, false);
}

TEST_CASE("CodexTakesEveryBodyInEveryState") {
  test::CodexRoad road(test::codex_offline());
  run_matrix(road);
}
