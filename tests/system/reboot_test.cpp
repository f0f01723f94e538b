// Reboots: twelve agents, four in a turn, two that wait for an approval, two suspended, two limited, two idle, lose
// power together and come back. The agents' own receipts are the count: nothing is lost, nothing comes twice.
#include "system/power_loss.hpp"

#include <cstdlib>

using ar::json;
using namespace ar::test;

namespace {

/// Takes messages in our frame, writes each down in one write together with its body, and does what the body says.
constexpr char kProgram[] = R"sh(
hook=${AGENT_RUNNER_CLI%/*}/agent-runner-hook
stty -echo
echo ready
while IFS= read -r line; do
  case $line in *'[agent-runner '*) ;; *) continue ;; esac
  header=${line#*'[agent-runner '}
  correlation_id=${header%%[!0-9a-f]*}
  body=
  while IFS= read -r line && [ "$line" != "[end $correlation_id]" ]; do body="$body$line "; done
  echo "$correlation_id $body" >>"$AGENT_RUNNER_RECEIPTS" || continue
  echo "took $correlation_id"
  case $body in
    work*) while :; do sleep 1; done ;;
    ask*) echo '{"tool_name": "Bash", "tool_input": {"command": "touch x"}}' | "$hook" PermissionRequest ;;
    limit*) sleep 1; echo '{"errorKind": "usage_limit", "error": "used up"}' | "$hook" TurnEnded; continue ;;
  esac
  echo over
done
)sh";

int reboots() {
  auto const* const set = std::getenv("AR_REBOOTS");
  return set ? std::atoi(set) : 3;
}

class Fleet {
 public:
  Fleet() {
    json const options = {{"paste", "lines"},
                          {"ready", {{"pattern", "^ready"}}},
                          {"proof", {{"pattern", "took {correlation_id}"}, {"receipts", "receipts"}}},
                          {"turn_end", {{"pattern", "^over"}}}};
    for (auto const* name :
         {"work1", "work2", "work3", "work4", "ask1", "ask2", "rest1", "rest2", "limit1", "limit2", "idle1", "idle2"})
      home.spawn(name, {"--options", options.dump(), "--", "sh", "-c", kProgram});
    for (auto const* name : {"rest1", "rest2"}) home.good({"suspend", name});
    for (auto const* name : {"limit1", "limit2"}) {
      send(name, "limit");
      REQUIRE(Installation::eventually([&] { return home.agent(name).contains("limited"); }));
    }
  }

  void send(std::string const& agent, std::string const& what) {
    auto const body = what + " " + std::to_string(++sent_);
    sent.emplace_back(agent, body);
    ids[body] = home.send(agent, body);
  }
  void send_and_wait(std::string const& agent, std::string const& what) {
    send(agent, what);
    auto const id = ids.at(sent.back().second);
    REQUIRE_MESSAGE(Installation::eventually([&] { return home.delivery_state(id) == "running"; }),
                    home.message(id).dump(1));
  }
  /// How often the agent has written that body down.
  int received(std::string const& agent, std::string const& body) const {
    int times = 0;
    for (auto const& line : Installation::lines(file_text(home.state() / "agents" / agent / "receipts")))
      times += line.substr(std::min<std::size_t>(11, line.size())) == body + " ";
    return times;
  }
  int notes(std::string const& agent) const {
    int times = 0;
    for (auto const& line : Installation::lines(file_text(home.state() / "agents" / agent / "receipts")))
      times += line.find("your process ended in the middle of a turn") != std::string::npos;
    return times;
  }

  Installation home;
  std::vector<std::pair<std::string, std::string>> sent{};
  std::map<std::string, std::int64_t> ids{};

 private:
  int sent_ = 0;
};

std::string const kWorkers[] = {"work1", "work2", "work3", "work4"};
std::string const kAsking[] = {"ask1", "ask2"};
std::string const kIdle[] = {"idle1", "idle2"};
std::string const kLimited[] = {"limit1", "limit2"};

}  // namespace

TEST_CASE("TwelveAgentsComeBackAfterEachReboot") {
  Fleet fleet;
  auto& home = fleet.home;
  CHECK(home.run({"events", "--since-boot"}).status != 0);
  std::map<std::string, int> told;
  for (int round = 0; round < reboots(); ++round) {
    CAPTURE(round);
    for (auto const& name : kWorkers) fleet.send_and_wait(name, "work");
    for (auto const& name : kAsking) fleet.send_and_wait(name, "ask");
    for (auto const& name : kAsking)
      REQUIRE(Installation::eventually([&] { return home.agent(name).contains("approvals"); }));
    for (auto const& name : kWorkers) fleet.send(name, "later");
    for (auto const& name : kLimited) fleet.send(name, "waits");
    for (auto const& name : kIdle) fleet.send(name, "quick");  // in the middle of which the power goes
    lose_power(home);
    bool const rebooted = round % 2 == 0;
    if (rebooted) pretend_another_boot(home);
    home.good({"up"});
    if (round % 3 == 2) {  // and the daemon dies over it
      home.kill_daemon();
      home.good({"up"});
    }
    bool const twice = round % 4 == 1;
    if (twice) {
      lose_power(home);
      home.good({"up"});
    }
    auto const report = recovered(home);
    if (round == 0) MESSAGE(home.good({"events", "--since-boot"}).out);
    CAPTURE(report.dump(1));
    CHECK(report["cause"] == (rebooted ? "reboot" : "processes_gone"));
    auto const& counts = report["counts"];
    CHECK(counts["agents"] == 12);
    CHECK(counts["back"] == 8);
    CHECK(counts["suspended"] == 2);
    CHECK(counts["limited"] == 2);
    CHECK(counts["approvalsWithdrawn"] == 2);
    CHECK(counts["messages"]["unknown"] == 0);
    CHECK(counts["messages"]["removed"] == 0);
    for (auto const& name : kWorkers) CHECK(agent_in(report, name)["messages"][0]["outcome"] == "interrupted");
    for (auto const& name : kAsking) CHECK(agent_in(report, name)["messages"][0]["outcome"] == "interrupted");
    for (auto const& name : kLimited) CHECK(agent_in(report, name)["messages"].empty());
    for (auto const& row : report["agents"]) {
      bool cut_off = false;
      for (auto const& message : row["messages"]) cut_off = cut_off || message["outcome"] == "interrupted";
      told[row["agent"]] += cut_off;
    }
    for (auto const* group : {"work", "idle"})
      for (auto const& [agent, body] : fleet.sent)
        if (agent.starts_with(group) && !body.starts_with("work"))
          REQUIRE_MESSAGE(Installation::eventually([&] {
                            auto const state = home.delivery_state(fleet.ids.at(body));
                            return state == "done" || state == "failed";
                          }),
                          home.message(fleet.ids.at(body)).dump(1));
    // A note that was cut off by the second time is told of in another one.
    for (auto& [agent, times] : told)
      if (twice) times = std::max(times, fleet.notes(agent));
    for (auto const& [agent, times] : told)
      CHECK_MESSAGE(Installation::eventually([&, a = agent, n = times] { return fleet.notes(a) == n; }), agent, " ",
                    fleet.notes(agent), " notes, not ", times);
    for (auto const& name : kWorkers) home.wait_for_state(name, "idle");
    for (auto const& name : kAsking) home.wait_for_state(name, "idle");
  }
  // The limit is over, a person says.
  for (auto const& name : kLimited) home.good({"restart", name});
  int lost = 0, doubled = 0;
  for (auto const& [agent, body] : fleet.sent) {
    auto const there = Installation::eventually([&, a = agent, b = body] { return fleet.received(a, b) > 0; });
    lost += !there;
    doubled += fleet.received(agent, body) > 1;
    CHECK_MESSAGE(there, agent, ": ", body);
  }
  CHECK(lost == 0);
  CHECK(doubled == 0);
  MESSAGE(reboots(), " reboots, ", fleet.sent.size(), " messages: lost ", lost, ", doubled ", doubled);
}

TEST_CASE("AWorktreeThatIsGoneIsMadeAnewWithItsAgent") {
  Installation home;
  auto const git = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"-C", home.work().string(), "-c", "user.name=T", "-c", "user.email=t@localhost"});
    REQUIRE(home.run_program("/usr/bin/git", words, "").status == 0);
  };
  git({"init", "-q", "-b", "main", "."});
  std::ofstream(home.work() / "file") << "one";
  git({"add", "file"});
  git({"commit", "-qm", "x"});
  home.spawn("builder", {"--worktree"});
  home.spawn("homeless", {"--worktree"});
  lose_power(home);
  std::filesystem::remove_all(home.state() / "worktrees");
  git({"worktree", "prune"});
  git({"branch", "-D", "agent-runner/homeless"});
  home.good({"up"});
  auto const report = recovered(home);
  CHECK(report["cause"] == "processes_gone");
  CHECK(agent_in(report, "builder")["outcome"] == "back");
  CHECK(file_text(home.state() / "worktrees" / "builder" / "file") == "one");
  CHECK(home.good({"events", "builder"}).out.find("workspace.remade") != std::string::npos);
  CHECK(agent_in(report, "homeless")["outcome"] == "failed");
  CHECK(agent_in(report, "homeless")["reason"].get<std::string>().find("so is its branch") != std::string::npos);
  auto const id = home.send("builder", "still there?");
  CHECK(Installation::eventually([&] { return home.delivery_state(id) == "done"; }));
}
