// Gemini CLI, OpenCode and Qwen Code, the real ones, each over the whole road. AR_ACP names one of them (default: all
// three); E2E_MESSAGES (20) and E2E_KILLS (6) set how much, E2E_TIMES=1 measures how long a message takes.
#include "e2e/acp_road.hpp"

#include <chrono>
#include <cstdio>
#include <random>

using ar::json;
using ar::test::AcpRoad;
using ar::test::Installation;

namespace {

int number_of(char const* variable, int otherwise) {
  auto const* const set = std::getenv(variable);
  return set && *set ? std::atoi(set) : otherwise;
}

std::vector<std::string> agents() {
  auto const* const one = std::getenv("AR_ACP");
  if (one && *one) return {one};
  return {"gemini", "opencode", "qwen"};
}

std::string body_of(int number) {
  std::vector<std::string> const kinds{"short",
                                       "two\nlines, with a tab\t and blanks  ",
                                       "/compress now",
                                       "!ls",
                                       "@README.md and \x1b[31mred\x1b[0m",
                                       std::string(2'000, 'a'),
                                       std::string(100'000, 'b'),
                                       "\xf0\x9f\x9a\x80 \xc3\xa9 \xe2\x80\xae right to left"};
  return kinds[static_cast<std::size_t>(number) % kinds.size()] + " #" + std::to_string(number);
}

/// Milliseconds from each prompt to the first update or answer, by the record's own times: what the agent itself takes.
std::vector<double> bare_times(std::filesystem::path const& record) {
  std::vector<double> times;
  double asked = -1;
  for (auto const& text : Installation::lines(ar::test::file_text(record))) {
    auto const line = json::parse(text);
    auto const time = line["t"].get<std::string>();
    auto const at = std::stoi(time.substr(11, 2)) * 3'600'000.0 + std::stoi(time.substr(14, 2)) * 60'000.0 +
                    std::stod(time.substr(17)) * 1'000.0;
    if (text.find("\"session/prompt\"") != std::string::npos) {
      asked = at;
    } else if (line["d"] == "<" && asked >= 0) {
      auto const kind = line["f"].value("/params/update/sessionUpdate"_json_pointer, "");
      if (!kind.ends_with("_chunk") && line["f"].contains("method")) continue;
      times.push_back(at - asked);
      asked = -1;
    }
  }
  return times;
}

void print_times(std::string const& what, std::vector<double> times) {
  REQUIRE(!times.empty());
  std::ranges::sort(times);
  std::printf("%s, ms: p50 %.0f, p95 %.0f, of %zu\n", what.c_str(), times[times.size() / 2],
              times[times.size() * 95 / 100], times.size());
}

}  // namespace

TEST_CASE("MessagesReachTheModelOnceAndWhole") {
  for (auto const& name : agents()) {
    CAPTURE(name);
    AcpRoad road(name);
    road.spawn();
    auto const answer = road.home.good({"send", "a", "a question [[say:the answer]]", "--wait=done"});
    CHECK(answer.out.find("the answer") != std::string::npos);
    auto const messages = number_of("E2E_MESSAGES", 20);
    std::vector<std::string> bodies;
    for (int i = 0; i < messages; ++i) {
      bodies.push_back((i % 5 == 4 ? "[[sleep:700]] " : "") + body_of(i));
      road.ask(bodies.back(), i % 7 == 6 ? std::vector<std::string>{"--urgent"} : std::vector<std::string>());
      if (i % 4 == 0) CHECK(road.all_over());
    }
    CHECK(road.all_over());
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      CHECK_MESSAGE(road.home.delivery_state(road.ids[i]) == "done", bodies[i].substr(0, 60));
      CHECK_MESSAGE(road.seen(road.ids[i]) == 1, bodies[i].substr(0, 60));
      CHECK_MESSAGE(road.text_of(road.ids[i]).find("\n" + bodies[i] + "\n[end ") != std::string::npos,
                    bodies[i].substr(0, 60));
    }
    auto const transcript = road.home.good({"transcript", "a", "--json"}).out;
    CHECK(transcript.find("the answer") != std::string::npos);
  }
}

TEST_CASE("APersonAndTheBusTakeTurns") {
  for (auto const& name : agents()) {
    CAPTURE(name);
    AcpRoad road(name);
    road.spawn();
    auto const busy = road.ask("[[sleep:2000]] work");
    REQUIRE(Installation::eventually([&] { return road.seen(busy) == 1; }));
    road.type("a line of the person [[say:to the person]]");
    road.ask("after the line");
    CHECK(road.all_over());
    auto const shown = [&] { return road.home.run({"screen", "a"}).out.find("to the person") != std::string::npos; };
    CHECK(Installation::eventually(shown));
    for (auto const id : road.ids) {
      CHECK(road.home.delivery_state(id) == "done");
      CHECK(road.seen(id) == 1);
    }
  }
}

TEST_CASE("APermissionIsAnApproval") {
  for (auto const& name : agents()) {
    CAPTURE(name);
    AcpRoad road(name);
    road.spawn();
    for (bool const allowed : {true, false}) {
      auto const file = road.home.work() / (allowed ? "made" : "not-made");
      auto const id = road.ask("[[exec:touch " + file.string() + "]]");
      auto const waiting = [&] { return !road.home.good({"approvals", "--json"}).out.empty(); };
      REQUIRE(Installation::eventually(waiting));
      auto const approval = json::parse(Installation::lines(road.home.good({"approvals", "--json"}).out).front());
      auto const number = approval["id"].is_string() ? approval["id"].get<std::string>() : approval["id"].dump();
      road.home.good({allowed ? "approve" : "deny", number});
      CHECK(road.all_over());
      CHECK(std::filesystem::exists(file) == allowed);
      CHECK(road.seen(id) == 1);
    }
  }
}

TEST_CASE("AKillLeavesNoProcess") {
  for (auto const& name : agents()) {
    CAPTURE(name);
    AcpRoad road(name);
    road.spawn();
    auto const busy = road.ask("[[sleep:60000]] work");
    REQUIRE(Installation::eventually([&] { return road.seen(busy) == 1; }));
    auto const before = road.processes();
    CHECK(before.size() >= 2);
    road.home.good({"kill", "a"});
    auto const gone = [&] {
      return std::ranges::none_of(before, [](pid_t pid) { return Installation::runs(pid); }) &&
             road.processes().empty();
    };
    CHECK(Installation::eventually(gone));
  }
}

TEST_CASE("WhateverDiesNoMessageReachesTheModelTwice") {
  for (auto const& name : agents()) {
    CAPTURE(name);
    AcpRoad road(name);
    road.spawn();
    std::minstd_rand random(static_cast<unsigned>(number_of("E2E_SEED", 1)));
    auto const kills = number_of("E2E_KILLS", 6);
    for (int i = 0; i < kills; ++i) {
      road.ask("[[sleep:" + std::to_string(random() % 600) + "]] before kill " + std::to_string(i));
      road.ask("after kill " + std::to_string(i));
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 900));  // a random moment is what is tried
      if (i % 3 == 0) {
        road.home.kill_daemon();
        road.home.good({"up"});
      } else if (auto const pid = i % 3 == 1 ? road.agent_process() : road.host(); pid > 0) {
        ::kill(pid, SIGKILL);
      }
      road.until_back();
    }
    CHECK(road.all_over());
    std::size_t unknown = 0, lost = 0, doubled = 0;
    for (auto const id : road.ids) {
      auto const state = road.home.delivery_state(id);
      auto const seen = road.seen(id);
      unknown += state == "unknown";
      lost += state == "done" && seen == 0;
      // Whose conversation cannot be loaded is never asked again; of the others the conversation itself tells.
      bool const twice = seen > 1 || (name == "gemini" && road.asked(id) > 1);
      CHECK_MESSAGE(!twice, road.home.good({"message", "show", std::to_string(id)}).out);
      doubled += twice;
    }
    CHECK(lost == 0);
    CHECK(doubled == 0);
    std::printf("%s: kills %d, messages %zu, unknown %zu, lost %zu, doubled %zu\n", name.c_str(), kills,
                road.ids.size(), unknown, lost, doubled);
  }
}

TEST_CASE("HowLongAMessageTakes") {
  if (!std::getenv("E2E_TIMES")) {
    MESSAGE("skipped: E2E_TIMES is not set");
    return;
  }
  for (auto const& name : agents()) {
    CAPTURE(name);
    AcpRoad road(name);
    road.spawn();
    std::vector<double> times;
    for (int i = 0; i < number_of("E2E_MESSAGES", 20); ++i) {
      auto const begun = std::chrono::steady_clock::now();
      road.home.good({"send", "a", "hello", "--wait=accepted"});
      times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count());
      road.until_idle();
    }
    print_times(name + ": bus to accepted, by the command line", times);
    print_times(name + ": prompt to first update, bare",
                bare_times(road.home.state() / "agents" / "a" / "acp" / "record-1.jsonl"));
  }
}
