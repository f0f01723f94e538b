// What agents may use, held by each of the three that can hold it: a scope of systemd's, a control group that the
// daemon divides, limits of single processes. What this machine's kernel cannot limit is named and left out.
#include "base/process/control_group.hpp"
#include "system/installation.hpp"

#include <algorithm>
#include <cstdlib>
#include <sys/stat.h>

using ar::json;
using ar::test::Installation;
namespace fs = std::filesystem;

namespace {

/// Its program does what the files say that it finds at its start, and then repeats what it is sent. `eat`: a child
/// takes 1 GiB. `fork`: 500 children. `hide`: a child that takes the mark off and runs in a session of its own.
constexpr char kProgram[] = R"SH(
[ -e eat ] && { perl -e '$x = "x" x (1 << 30); sleep 600' & }
[ -e fork ] && { perl -e 'for (1 .. 500) { my $pid = fork; last if defined $pid && !$pid } sleep 600' & }
[ -e hide ] && prlimit --locks=unlimited setsid -f bash -c "exec -a hidden-$PPID sleep 6000$(cat hide)"
exec cat
)SH";

class Lab {
 public:
  Lab() { std::ofstream(home.work() / "program.sh") << kProgram; }
  ~Lab() {
    if (!divided.empty()) {
      home.run({"--no-start", "down", "--agents"});
      auto const all = ar::pids_in_group(divided);
      for (auto const pid : all) ::kill(pid, SIGKILL);
      Installation::eventually([&] {
        remove(divided);
        return !fs::exists(divided);
      });
    }
  }
  /// The daemon, and whatever is started from here on, is in a control group of its own. False: this machine does not
  /// let us.
  bool start_divided() {
    auto const mount = ar::control_group_mount();
    auto const group = mount / ("agent-runner-test-" + std::to_string(::getpid()));
    if (mount.empty() || ::mkdir(group.c_str(), 0755) != 0) return false;
    divided = group;
    // Where the kernel has them here: all but the topmost group gets them from above.
    for (char const* name : {"+memory", "+pids", "+cpu"})
      (void)ar::write_to_group(mount, "cgroup.subtree_control", name);
    start_in(group);
    home.good({"up"});
    start_in(group / "agent-runner.daemon");  // one that is divided takes no processes itself
    return true;
  }
  void spawn(std::string const& name, std::vector<std::string> const& limits) {
    json const options = {{"command", {"/bin/bash", "program.sh"}}};
    std::vector<std::string> words{"spawn",       name,    "--no-wait",          "--provider",
                                   "command",     "--cwd", home.work().string(), "--options",
                                   options.dump()};
    words.insert(words.end(), limits.begin(), limits.end());
    home.good(words);
    home.wait_for_state(name, "idle");
  }
  json resources(std::string const& name) { return home.agent(name).value("resources", json::object()); }
  bool holds(std::string const& name, std::string const& limit) {
    auto const shown = resources(name);
    for (char const* list : {"partly", "notHeld"})
      for (auto const& one : shown.value(list, json::array()))
        if (one == limit) return false;
    return true;
  }
  std::vector<json> events(std::string const& name, std::string const& type) {
    std::vector<json> found;
    for (auto const& line : Installation::lines(home.good({"events", name, "-n", "200", "--json"}).out))
      if (auto event = json::parse(line); event.value("type", "") == type) found.push_back(std::move(event));
    return found;
  }
  void will(char const* what, std::string const& how = "") { std::ofstream(home.work() / what) << how; }
  void will_not(char const* what) { fs::remove(home.work() / what); }

  Installation home;
  fs::path divided{};

 private:
  void start_in(fs::path const& group) {
    home.prefix = {"/bin/sh", "-c", "echo 0 >" + (group / "cgroup.procs").string() + " && exec \"$@\"", "sh"};
  }
  static void remove(fs::path const& group) {
    std::error_code ec;
    for (auto const& entry : fs::directory_iterator(group, ec))
      if (entry.is_directory(ec)) remove(entry.path());
    ::rmdir(group.c_str());
  }
};

int processes_with(std::string const& words) {
  int running = 0;
  for (auto const& entry : fs::directory_iterator("/proc"))
    running += ar::test::file_text(entry.path() / "cmdline").find(words) != std::string::npos;
  return running;
}

/// Of 300 MiB: a child that takes 1 GiB is ended, and the agent goes on.
void check_memory(Lab& lab) {
  lab.will("eat");
  lab.spawn("eater", {"--memory-max", "300M"});
  lab.will_not("eat");
  auto const pid = lab.home.agent("eater")["pid"];
  CHECK(lab.resources("eater")["limits"]["memoryMax"] == 300 << 20);
  if (lab.holds("eater", "memoryMax")) {
    REQUIRE(Installation::eventually([&] { return !lab.events("eater", "agent.out_of_memory").empty(); }));
    auto const event = lab.events("eater", "agent.out_of_memory").front();
    std::cout << event.dump() << "\n";
    CHECK(event["data"]["process"]["name"] == "perl");
    CHECK(event["data"]["process"]["main"] == false);
    CHECK(event["data"]["kills"] == 1);
    CHECK(event["data"]["memoryMax"] == 300 << 20);
  }
  CHECK(Installation::eventually([&] { return processes_with("1 << 30") == 0; }));
  CHECK(lab.home.agent("eater")["pid"] == pid);
  CHECK(lab.home.agent("eater")["state"] == "idle");
  CHECK(lab.home.agent("eater")["restarts"] == 0);
}

/// Of 100 tasks: 500 children do not come about.
void check_tasks(Lab& lab) {
  lab.spawn("plain", {"--tasks-max", "100"});
  if (!lab.holds("plain", "tasksMax")) {
    MESSAGE("this kernel does not limit tasks here");
    return;
  }
  lab.will("fork");
  lab.spawn("forker", {"--tasks-max", "100"});
  REQUIRE(Installation::eventually([&] { return !lab.events("forker", "agent.tasks_limit").empty(); }));
  lab.will_not("fork");
  auto const shown = lab.resources("forker");
  std::cout << shown.dump() << "\n" << lab.events("forker", "agent.tasks_limit").front().dump() << "\n";
  CHECK(shown["tasks"] <= 100);
  CHECK(shown["tasks"] >= 90);
  CHECK(lab.home.agent("forker")["state"] == "idle");
  lab.home.good({"kill", "forker"});
  CHECK(Installation::eventually([&] { return lab.home.agent("forker").value("pid", 1) == 0; }));
}

/// After 20 crashes nothing is left of what has taken the mark off.
void check_leftovers(Lab& lab, std::string const& by) {
  auto const own = std::to_string(::getpid());
  lab.will("hide", own);
  lab.spawn("hider", {});
  CHECK(lab.resources("hider")["by"] == by);
  auto const hidden = "6000" + own;
  int made = 0;
  for (int crash = 0; crash < 20; ++crash) {
    REQUIRE(Installation::eventually([&] { return processes_with(hidden) == 1; }));
    ++made;
    auto const pid = lab.home.agent("hider")["pid"].get<pid_t>();
    ::kill(pid, SIGKILL);
    REQUIRE(
        Installation::eventually([&] { return processes_with(hidden) == 0 || lab.home.agent("hider")["pid"] != pid; }));
    if (crash == 19) break;
    lab.home.good({"restart", "hider"});  // and the crashes are forgotten
    lab.home.wait_for_state("hider", "idle");
  }
  lab.home.good({"kill", "hider"});
  CHECK(Installation::eventually([&] { return processes_with(hidden) == 0; }));
  std::cout << made << " crashes, " << processes_with(hidden) << " left\n";
}

/// The next daemon finds an agent where it was.
void check_adoption(Lab& lab, std::string const& by) {
  lab.spawn("stays", {"--tasks-max", "50"});
  auto const before = lab.home.agent("stays");
  lab.home.kill_daemon();
  lab.home.good({"up"});
  lab.home.wait_for_state("stays", "idle");
  CHECK(lab.home.agent("stays")["pid"] == before["pid"]);
  REQUIRE(Installation::eventually([&] { return lab.resources("stays").contains("tasks"); }));
  auto const shown = lab.resources("stays");
  CHECK(shown["by"] == by);
  CHECK(shown["limits"] == before["resources"]["limits"]);
  CHECK(shown["tasks"] >= 1);
}

void check_top(Lab& lab) {
  auto const lines = Installation::lines(lab.home.good({"top", "-n", "1", "-d", "200ms", "--json"}).out);
  REQUIRE_FALSE(lines.empty());
  auto const row = json::parse(lines.front());
  CHECK(row["cpuPercent"].is_number());
  CHECK(row["resources"]["tasks"] >= 1);
  CHECK(row["resources"]["memoryBytes"] > 0);
  CHECK(lab.home.good({"top", "-n", "1", "-d", "200ms"}).out.find("TASKS") != std::string::npos);
  CHECK(lab.home.run({"top", "-n", "0"}).status != 0);
  CHECK(lab.home.run({"top", "-d", "1ms"}).status != 0);
}

}  // namespace

TEST_CASE("WithNeitherSingleProcessesAreHeldToWhatTheyCanBe") {
  Lab lab;
  check_memory(lab);
  CHECK(lab.resources("eater")["by"] == "rlimits");
  CHECK(lab.resources("eater")["partly"] == json{"memoryMax"});
  lab.spawn("slow", {"--cpu-quota", "50%", "--memory-high", "200M"});
  CHECK(lab.resources("slow")["notHeld"] == json{"memoryHigh", "cpuQuota"});
  check_adoption(lab, "rlimits");
  check_top(lab);
  auto const doctor = lab.home.run({"doctor"});
  CHECK(doctor.out.find("kept together by rlimits") != std::string::npos);
}

TEST_CASE("ADelegatedControlGroupHoldsEachAgent") {
  Lab lab;
  if (!lab.start_divided()) {
    MESSAGE("no control groups v2 that can be written to");
    return;
  }
  check_memory(lab);
  check_tasks(lab);
  check_leftovers(lab, "cgroup");
  check_adoption(lab, "cgroup");
  check_top(lab);
  CHECK(lab.home.run({"doctor"}).out.find("kept together by cgroup") != std::string::npos);
  lab.home.good({"down", "--agents"});
  for (auto const& entry : fs::directory_iterator(lab.divided))
    if (entry.is_directory()) CHECK(entry.path().filename() == "agent-runner.daemon");
}

TEST_CASE("AScopeHoldsEachAgent") {
  char const* const runtime_dir = std::getenv("XDG_RUNTIME_DIR");
  if (!runtime_dir || !fs::exists(fs::path(runtime_dir) / "systemd" / "private")) {
    MESSAGE("no user manager of systemd; see tests/systemd");
    return;
  }
  Lab lab;
  lab.home.environment = {std::string("XDG_RUNTIME_DIR=") + runtime_dir};
  lab.home.good({"up"});
  check_memory(lab);
  check_tasks(lab);
  check_leftovers(lab, "scope");
  check_adoption(lab, "scope");
  check_top(lab);
  CHECK(lab.home.run({"doctor"}).out.find("kept together by scope") != std::string::npos);
}

TEST_CASE("LimitsAreCheckedShownAndGivenByTheConfigurationAndAProfile") {
  Lab lab;
  fs::create_directories(lab.home.state());
  std::ofstream(lab.home.state() / "config.toml") << "[resources]\nmemory_max = \"2G\"\ntasks_max = 300\n"
                                                  << "[profiles.small]\nbase = \"host\"\n"
                                                  << "[profiles.small.resources]\ntasksMax = 200\n";
  lab.spawn("usual", {});
  CHECK(lab.resources("usual")["limits"] == json{{"memoryMax", std::int64_t{2} << 30}, {"tasksMax", 300}});
  lab.spawn("small", {"--profile", "small", "--memory-max", "0"});
  CHECK(lab.resources("small")["limits"] == json{{"tasksMax", 200}});
  auto const refused = lab.home.run({"spawn", "wrong", "--provider", "command", "--memory-max", "much"});
  CHECK(refused.status != 0);
  CHECK(refused.err.find("resources.memoryMax must be a size") != std::string::npos);
  CHECK(lab.home.good({"show", "usual"}).out.find("rlimits: ") != std::string::npos);
  std::ofstream(lab.home.state() / "config.toml") << "[resources]\nmemory_max = \"lots\"\n";
  auto const checked = lab.home.run({"config", "check"});
  CHECK(checked.status != 0);
  CHECK((checked.out + checked.err).find("resources.memory_max must be a size") != std::string::npos);
}
