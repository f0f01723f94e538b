// The real Claude Code against the stub of its model API, in a network namespace that has nothing but loopback.
// Received is what the model was given.
#include "chaos/body.hpp"
#include "chaos/prompts.hpp"
#include "chaos/provider.hpp"
#include "e2e/stub_api.hpp"

#include <fstream>

namespace ar::chaos {
namespace {

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
                              {"ANTHROPIC_BASE_URL", stub_.url()},
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
    return receipts_in(stub_.get("/__prompts"), agents.front());
  }

 private:
  Lab const& lab_;
  std::string const cli_;
  std::filesystem::path const config_;
  test::StubApi const stub_{"stub_anthropic_api.mjs"};
};

}  // namespace

std::unique_ptr<Provider> make_claude_provider(Lab const& lab, std::string cli) {
  return std::make_unique<ClaudeProvider>(lab, std::move(cli));
}

}  // namespace ar::chaos
