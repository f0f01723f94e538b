// The real Claude Code against the stub of its model API, in a network namespace that has nothing but loopback.
// Received is what the model was given.
#include "chaos/cli_provider.hpp"
#include "e2e/stub_api.hpp"

#include <fstream>

namespace ar::chaos {
namespace {

class ClaudeProvider final : public CliProvider {
 public:
  ClaudeProvider(Lab const& lab, std::string cli, std::string road)
      : lab_(lab), cli_(std::move(cli)), road_(std::move(road)), config_(lab.work() / "config") {
    std::filesystem::create_directories(config_);
    std::ofstream(config_ / ".claude.json") << R"({"hasCompletedOnboarding":true})";
  }

  json spawn_request(std::string const& agent) const override {
    json const options = {{"command", cli_},
                          {"trust_workspace", true},
                          {"accept_bypass", true},
                          {"sandboxed_root", true},
                          {"road", road_}};
    json const environment = {{"CLAUDE_CONFIG_DIR", config_.string()},
                              {"ANTHROPIC_BASE_URL", stub_.url()},
                              {"ANTHROPIC_AUTH_TOKEN", "stub"},
                              {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"}};
    return {{"id", agent},        {"provider", "claude"}, {"cwd", lab_.work().string()}, {"approvalMode", "full"},
            {"env", environment}, {"options", options}};
  }
  std::string program() const override { return "claude"; }

 protected:
  std::string tool() const override { return "bash"; }
  json prompts() const override { return stub_.get("/__prompts"); }

 private:
  Lab const& lab_;
  std::string const cli_, road_;
  std::filesystem::path const config_;
  test::StubApi const stub_{"stub_anthropic_api.mjs"};
};

}  // namespace

std::unique_ptr<Provider> make_claude_provider(Lab const& lab, std::string cli, std::string road) {
  return std::make_unique<ClaudeProvider>(lab, std::move(cli), std::move(road));
}

}  // namespace ar::chaos
