// The whole road with a real agent that speaks ACP: bus, daemon, tmux, host, agent, stub model.
#pragma once
#include "e2e/offline.hpp"
#include "e2e/stub_api.hpp"
#include "system/installation.hpp"

#include <algorithm>
#include <set>
#include <sstream>

namespace ar::test {

struct AcpRoad {
  explicit AcpRoad(std::string agent) : provider(std::move(agent)), cli(acp_offline(provider)) {}

  std::string const provider, cli;
  Installation home;
  StubApi stub{"stub_chat_api.mjs"};
  std::vector<std::int64_t> ids{};

  /// What makes it ask the stub and nobody else.
  json options() {
    json options;
    auto& env = options["env"];
    auto const own = home.work().parent_path() / "agent-home";
    std::filesystem::create_directories(own);
    env["HOME"] = own.string();
    if (provider == "gemini") {
      options["command"] = {cli, "--acp", "--model", "gemini-2.5-flash"};  // `auto` asks a model which to ask
      options["auth_method"] = "gemini-api-key";
      env["GEMINI_API_KEY"] = "stub-key-of-no-use";
      env["GOOGLE_GEMINI_BASE_URL"] = stub.url();
      env["GEMINI_TELEMETRY_ENABLED"] = "false";
    } else if (provider == "qwen") {
      options["command"] = {cli, "--acp"};
      options["auth_method"] = "openai";
      env["OPENAI_API_KEY"] = "stub-key-of-no-use";
      env["OPENAI_BASE_URL"] = stub.url() + "/v1";
      env["OPENAI_MODEL"] = "stub";
    } else {
      options["command"] = {cli, "acp"};
      json const provider_of_models = {
          {"npm", "@ai-sdk/openai-compatible"},
          {"options", {{"baseURL", stub.url() + "/v1"}, {"apiKey", "stub-key-of-no-use"}}},
          {"models", {{"m", {{"name", "m"}, {"limit", {{"context", 200000}, {"output", 1000}}}}}}}};
      json const config = {{"provider", {{"stub", provider_of_models}}},
                           {"model", "stub/m"},
                           {"small_model", "stub/m"},
                           {"permission", {{"bash", "ask"}}},
                           {"share", "disabled"},
                           {"autoupdate", false}};
      auto const file = own / "opencode.json";
      std::ofstream(file) << config.dump();
      env["OPENCODE_CONFIG"] = file.string();
      env["OPENCODE_DISABLE_MODELS_FETCH"] = "1";
      env["OPENCODE_DISABLE_AUTOUPDATE"] = "1";
    }
    return options;
  }
  void spawn(std::vector<std::string> const& more = {}) {
    std::vector<std::string> words{"spawn",         "a",     "--no-wait",          "--provider",
                                   provider,        "--cwd", home.work().string(), "--options",
                                   options().dump()};
    words.insert(words.end(), more.begin(), more.end());
    home.good(words);
    until_idle();
  }
  /// The first start of these programs takes long on a busy machine.
  void until_idle() {
    bool idle = false;
    for (int i = 0; i < 4 && !idle; ++i)
      idle = Installation::eventually([&] { return home.agent("a").value("state", "") == "idle"; });
    REQUIRE_MESSAGE(idle, home.agent("a").dump() << home.run({"screen", "a"}).out);
  }
  /// After a kill. One that died too often within a short time is given up, and a person starts it again.
  void until_back() {
    bool idle = false;
    auto const back = [&] {
      auto const state = home.agent("a").value("state", "");
      if (state == "failed") home.good({"restart", "a"});
      return state == "idle";
    };
    for (int i = 0; i < 4 && !idle; ++i) idle = Installation::eventually(back);
    REQUIRE_MESSAGE(idle, home.agent("a").dump() << home.run({"screen", "a"}).out);
  }
  std::int64_t ask(std::string const& text, std::vector<std::string> const& more = {}) {
    ids.push_back(home.send("a", text, more));
    return ids.back();
  }
  bool is_over(std::int64_t id) {
    auto const state = home.delivery_state(id);
    return state == "done" || state == "failed" || state == "unknown";
  }
  bool all_over() {
    for (int i = 0; i < 6; ++i)
      if (Installation::eventually([&] { return std::ranges::all_of(ids, [&](auto id) { return is_over(id); }); }))
        return true;
    return false;
  }
  /// The greatest of these counts, which the stub has by correlation ids: a message that was certainly not taken is
  /// handed over again under a new one.
  std::size_t most_of(std::int64_t id, std::string const& counts_at) {
    auto const header = " · message " + std::to_string(id) + " · ";
    auto const texts = stub.get("/__texts"), counts = stub.get(counts_at);
    std::size_t most = 0;
    for (auto const& [correlation, text] : texts.items())
      if (text.get<std::string>().find("[agent-runner " + correlation + header) != std::string::npos)
        most = std::max(most, counts.value(correlation, std::size_t(0)));
    return most;
  }
  /// How often the model was shown this message in one conversation; 0: never.
  std::size_t seen(std::int64_t id) { return most_of(id, "/__seen"); }
  /// How often the model was asked to answer it.
  std::size_t asked(std::int64_t id) { return most_of(id, "/__turns"); }
  std::string text_of(std::int64_t id) {
    auto const header = " · message " + std::to_string(id) + " · ";
    auto const texts = stub.get("/__texts");
    for (auto const& [correlation, text] : texts.items())
      if (auto whole = text.get<std::string>();
          whole.find("[agent-runner " + correlation + header) != std::string::npos)
        return whole;
    return {};
  }
  void tmux(std::vector<std::string> const& words) {
    std::vector<std::string> all{"-S", (home.state() / "run" / "tmux.sock").string()};
    all.insert(all.end(), words.begin(), words.end());
    home.run_program("/usr/bin/tmux", all, "");
  }
  void type(std::string const& text) {
    tmux({"send-keys", "-t", "=ar-a:", "-l", text});
    tmux({"send-keys", "-t", "=ar-a:", "Enter"});
  }
  /// All processes that were started for the agent.
  std::set<pid_t> processes() {
    std::set<pid_t> found;
    for (auto const& entry : std::filesystem::directory_iterator("/proc")) {
      auto const pid = static_cast<pid_t>(std::atol(entry.path().filename().c_str()));
      auto const socket = "AGENT_RUNNER_SOCKET=" + (home.state() / "run").string();
      if (pid > 0 && pid != home.daemon_pid() && file_text(entry.path() / "environ").find(socket) != std::string::npos)
        found.insert(pid);
    }
    return found;
  }
  pid_t host() { return home.agent("a").value("pid", 0); }
  pid_t agent_process() {
    auto const of = std::to_string(host());
    std::ifstream children("/proc/" + of + "/task/" + of + "/children");
    pid_t pid = 0;
    children >> pid;
    return pid;
  }
};

}  // namespace ar::test
