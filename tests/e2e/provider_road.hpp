// One agent of one provider in a whole installation, and ways to bring it into a state. Everything is done as a person
// would do it: by the command line and by keys in the agent's terminal.
#pragma once
#include "e2e/openai_stub.hpp"
#include "e2e/stub.hpp"
#include "system/installation.hpp"

#include <csignal>
#include <string>
#include <vector>

namespace ar::test {

class ProviderRoad {
 public:
  virtual ~ProviderRoad() = default;

  Installation home;

  virtual std::string name() const = 0;
  virtual std::string cli() const = 0;
  /// Starts the agent "m" and returns at once.
  virtual void spawn() = 0;
  /// What the model was shown last: the whole conversation.
  virtual json prompts() const = 0;
  virtual void set_mode(json const& mode) const = 0;
  /// Messages for the stub: run a tool for two seconds; think so long; ask for a permission; ask a question.
  virtual std::string tool_turn() const = 0;
  virtual std::string permission_turn() const = 0;
  virtual std::string question_turn() const = 0;
  /// A part of what stands on its screen while it asks for a permission.
  virtual std::string permission_dialog() const = 0;
  /// The process that is the provider.
  virtual pid_t provider_pid() = 0;
  virtual void exit_by_itself() = 0;
  /// Whether a person's half-typed line keeps messages back for a while.
  virtual bool draft_holds() const = 0;

  static std::string model_turn() { return "[[sleep:3000]]"; }
  void keys(std::vector<std::string> const& names, bool literally = false) {
    std::vector<std::string> words{"-S", (home.state() / "run" / "tmux.sock").string(), "send-keys", "-t", "=ar-m:"};
    if (literally) words.emplace_back("-l");
    words.insert(words.end(), names.begin(), names.end());
    home.run_program("/usr/bin/tmux", words, "");
  }
  void copy_mode() {
    home.run_program("/usr/bin/tmux",
                     {"-S", (home.state() / "run" / "tmux.sock").string(), "copy-mode", "-t", "=ar-m:"}, "");
  }
  std::string screen() { return home.run({"screen", "m"}).out; }
  /// All that its terminal has shown, also what has left the screen.
  std::string history() {
    return home
        .run_program(
            "/usr/bin/tmux",
            {"-S", (home.state() / "run" / "tmux.sock").string(), "capture-pane", "-p", "-S", "-", "-t", "=ar-m:"}, "")
        .out;
  }
  void wait_for_screen(std::string const& text) {
    auto const there = Installation::eventually([&] { return screen().find(text) != std::string::npos; });
    REQUIRE_MESSAGE(there, screen());
  }
  void type(std::string const& text) {
    auto const typed = Installation::eventually([&] {
      if (screen().find(text) != std::string::npos) return true;
      keys({text}, true);
      return Installation::eventually([&] { return screen().find(text) != std::string::npos; });
    });
    REQUIRE_MESSAGE(typed, screen());
  }
  /// Has it compact its conversation as a person does. Codex's terminal learns of a turn's end later than we do, and
  /// says that it cannot yet: then once more.
  void compact() {
    auto const before = last_event("compaction.started");
    auto const begun = [&] { return last_event("compaction.started") > before; };
    auto const shown = [&](std::string const& text) {
      auto const all = history();
      int times = 0;
      for (std::size_t at = 0; (at = all.find(text, at)) != std::string::npos; ++at) ++times;
      return times;
    };
    for (int refusals = shown("is disabled while"), now = refusals;; refusals = now) {
      auto const already = shown("/compact");
      keys({"/compact"}, true);
      REQUIRE_MESSAGE(Installation::eventually([&] { return shown("/compact") > already; }), screen());
      keys({"Enter"});
      auto const answered = [&] { return begun() || (now = shown("is disabled while")) > refusals; };
      REQUIRE_MESSAGE(Installation::eventually(answered), screen());
      if (begun()) return;
    }
  }
  void wait_for_event(std::string const& type, std::int64_t after) {
    auto const there = Installation::eventually([&] { return last_event(type) > after; });
    REQUIRE_MESSAGE(there, "no ", type, ": ", home.run({"events", "m"}).out, screen());
  }
  /// The number of the newest event of this type, or of all (empty); 0: there is none.
  std::int64_t last_event(std::string const& type) {
    std::int64_t last = 0;
    for (auto const& line : Installation::lines(home.good({"events", "m", "--json", "--from", "0"}).out)) {
      auto const event = json::parse(line);
      if (type.empty() || event["type"] == type) last = event["agentNumber"].get<std::int64_t>();
    }
    return last;
  }
  /// A message of the test's own that brings the agent into a state; `event` tells that it is there.
  void begin_turn(std::string const& text, std::string const& event) {
    auto const before = last_event(event);
    home.send("m", text);
    wait_for_event(event, before);
  }
};

class ClaudeRoad final : public ProviderRoad {
 public:
  explicit ClaudeRoad(std::string cli, std::string road = "terminal") : cli_(std::move(cli)), road_(std::move(road)) {}
  std::string name() const override { return road_ == "terminal" ? "claude" : road_ + "-claude"; }
  std::string cli() const override { return cli_; }
  void spawn() override {
    auto const config = home.work() / "config";
    std::filesystem::create_directories(config);
    std::ofstream(config / ".claude.json") << R"({"hasCompletedOnboarding":true})";
    json options = {{"command", cli_}, {"trust_workspace", true}, {"road", road_}};
    options["settings"]["permissions"]["allow"] = json::array({"Bash(sleep:*)"});
    home.good({"spawn", "m", "--no-wait", "--provider", "claude", "--cwd", home.work().string(), "--env",
               "CLAUDE_CONFIG_DIR=" + config.string(), "--env", "ANTHROPIC_BASE_URL=" + stub_.url(), "--env",
               "ANTHROPIC_AUTH_TOKEN=stub", "--env", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "--env",
               "CLAUDE_CODE_MAX_RETRIES=1", "--options", options.dump()});
  }
  json prompts() const override { return stub_.get("/__prompts"); }
  void set_mode(json const& mode) const override { stub_.post("/__mode", mode); }
  std::string tool_turn() const override { return "[[bash:sleep 3]]"; }
  std::string permission_turn() const override { return "[[bash:touch asked]]"; }
  std::string permission_dialog() const override { return "Do you want to proceed?"; }
  std::string question_turn() const override {
    json const option = {{"label", "Red"}, {"description", "warm"}},
               other = {{"label", "Blue"}, {"description", "cold"}};
    json const question = {{"question", "Which colour?"},
                           {"header", "Colour"},
                           {"multiSelect", false},
                           {"options", json::array({option, other})}};
    return "[[tool:AskUserQuestion:" + json{{"questions", json::array({question})}}.dump() + "]]";
  }
  pid_t provider_pid() override { return home.agent("m").value("pid", 0); }
  void exit_by_itself() override {
    keys({"/exit"}, true);
    keys({"Enter"});
  }
  bool draft_holds() const override { return road_ == "terminal"; }

 private:
  std::string const cli_, road_;
  Stub stub_;
};

class CodexRoad final : public ProviderRoad {
 public:
  explicit CodexRoad(std::string cli) : cli_(std::move(cli)) {}
  std::string name() const override { return "codex"; }
  std::string cli() const override { return cli_; }
  void spawn() override {
    auto const codex_home = home.work() / "codex-home";
    stub_.configure(codex_home);
    json options = {{"command", cli_}, {"request_retries", 1}, {"stream_retries", 1}};
    options["settings"]["features"]["default_mode_request_user_input"] = true;
    options["settings"]["model_context_window"] = 100'000'000;  // nothing is compacted away before it is counted
    home.good({"spawn", "m", "--no-wait", "--provider", "codex", "--cwd", home.work().string(), "--approval-mode",
               "auto", "--env", "CODEX_HOME=" + codex_home.string(), "--options", options.dump()});
  }
  json prompts() const override { return stub_.get("/__latest"); }
  void set_mode(json const& mode) const override { stub_.post("/__mode", mode); }
  std::string tool_turn() const override { return "[[exec:sleep 3]]"; }
  std::string permission_turn() const override { return "[[esc:touch asked]]"; }
  std::string permission_dialog() const override { return "Would you like to run the following command?"; }
  std::string question_turn() const override { return "[[ask:Which colour?]]"; }
  pid_t provider_pid() override {
    auto const of = std::to_string(home.agent("m").value("pid", 0));
    std::ifstream children("/proc/" + of + "/task/" + of + "/children");
    for (pid_t pid = 0; children >> pid;) {
      std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
      std::string const words{std::istreambuf_iterator<char>(file), {}};
      if (words.find(std::string("\0app-server", 11)) != std::string::npos) return pid;
    }
    return 0;
  }
  void exit_by_itself() override {
    if (auto const pid = provider_pid(); pid > 0) ::kill(pid, SIGTERM);
  }
  bool draft_holds() const override { return false; }

 private:
  std::string const cli_;
  OpenAiStub stub_;
};

}  // namespace ar::test
