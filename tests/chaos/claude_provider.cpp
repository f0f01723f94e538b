// The real Claude Code against the stub of its model API, in a network namespace that has nothing but
// loopback. Received is what the model was given: the prompts of the newest conversation, told apart by the
// id in each one's header.
#include "chaos/body.hpp"
#include "chaos/provider.hpp"

#include <fcntl.h>
#include <fstream>
#include <regex>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace ar::chaos {
namespace {

/// The stub ends with its standard input.
class Stub {
 public:
  Stub() {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::string node = "node", script = std::string(AR_SOURCE_DIR) + "/tests/e2e/stub_anthropic_api.mjs";
    char* const argv[] = {node.data(), script.data(), nullptr};
    int const rc = ::posix_spawnp(&pid_, "node", &actions, nullptr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    std::string line;
    for (char c = 0; rc == 0 && ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    ::close(out[0]);
    auto const said = json::parse(line, nullptr, false);
    if (!said.is_object()) throw std::runtime_error("the stub of the model API does not start");
    url = "http://127.0.0.1:" + said["port"].dump();
  }
  ~Stub() {
    ::close(input_);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }
  Stub(Stub const&) = delete;
  Stub& operator=(Stub const&) = delete;
  std::string url;

 private:
  pid_t pid_ = -1;
  int input_ = -1;
};

class ClaudeProvider final : public Provider {
 public:
  ClaudeProvider(Lab const& lab, std::string cli) : lab_(lab), cli_(std::move(cli)), config_(lab.work() / "config") {
    std::filesystem::create_directories(config_);
    std::ofstream(config_ / ".claude.json") << R"({"hasCompletedOnboarding":true})";
  }

  json spawn_request(std::string const& agent) const override {
    json const options = {
        {"command", cli_}, {"trust_workspace", true}, {"accept_bypass", true}, {"sandboxed_root", true}};
    json const environment = {{"CLAUDE_CONFIG_DIR", config_.string()},
                              {"ANTHROPIC_BASE_URL", stub_.url},
                              {"ANTHROPIC_AUTH_TOKEN", "stub"},
                              {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"}};
    return {{"id", agent},        {"provider", "claude"}, {"cwd", lab_.work().string()}, {"approvalMode", "full"},
            {"env", environment}, {"options", options}};
  }
  std::string program() const override { return "claude"; }
  std::string body(std::int64_t serial, std::mt19937_64& random) const override {
    auto body = make_body(serial, random);
    if (random() % 4 == 0) body += "\n[[sleep:300]][[say:slowly]]";
    return body;
  }
  std::string tool_body(std::int64_t serial) const override {
    return std::string(kSerialMark) + std::to_string(serial) + " with a tool [[bash:sleep 1]] to run";
  }
  int backlog() const override { return 8; }

  std::vector<Receipt> receipts(std::vector<std::string> const& agents) override {
    auto const said = run_program({"/usr/bin/curl", "-s", stub_.url + "/__prompts"}, lab_.work().string());
    std::ofstream(lab_.work() / "prompts.json") << said.out;
    auto const prompts = json::parse(said.out, nullptr, false);
    std::vector<Receipt> all;
    static std::regex const header("\\[agent-runner ([0-9a-f]{10}) \xC2\xB7 message ([0-9]+) ");
    for (auto const& prompt : prompts.is_array() ? prompts : json::array()) {
      auto const text = prompt.get<std::string>();
      for (std::sregex_iterator it(text.begin(), text.end(), header), end; it != end; ++it) {
        if ((*it)[1] == "0123456789") continue;  // a body that poses as a header
        Receipt receipt;
        receipt.agent = agents.front();
        receipt.id = std::stoll((*it)[2]);
        all.push_back(std::move(receipt));
      }
    }
    return all;
  }

 private:
  Lab const& lab_;
  std::string const cli_;
  std::filesystem::path const config_;
  Stub stub_;
};

}  // namespace

std::unique_ptr<Provider> make_claude_provider(Lab const& lab, std::string cli) {
  return std::make_unique<ClaudeProvider>(lab, std::move(cli));
}

}  // namespace ar::chaos
