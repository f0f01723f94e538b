// The real Codex against the stub of its model API, in a network namespace that has nothing but loopback. Its app
// server, its screen and the host of both may each be killed. Received is what the model was given.
#include "chaos/cli_provider.hpp"
#include "e2e/openai_stub.hpp"

namespace ar::chaos {
namespace {

class CodexProvider final : public CliProvider {
 public:
  CodexProvider(Lab const& lab, std::string cli) : lab_(lab), cli_(std::move(cli)), home_(lab.work() / "codex-home") {
    stub_.configure(home_);
  }

  json spawn_request(std::string const& agent) const override {
    json const options = {{"command", cli_}};
    json const environment = {{"CODEX_HOME", home_.string()}};
    return {{"id", agent},        {"provider", "codex"}, {"cwd", lab_.work().string()}, {"approvalMode", "full"},
            {"env", environment}, {"options", options}};
  }
  std::string program() const override { return "codex"; }
  std::vector<pid_t> processes(pid_t pid) const override {
    auto all = children_of(pid);
    all.push_back(pid);
    return all;
  }

 protected:
  std::string tool() const override { return "exec"; }
  json prompts() const override { return stub_.get("/__prompts"); }

 private:
  Lab const& lab_;
  std::string const cli_;
  std::filesystem::path const home_;
  test::OpenAiStub const stub_;
};

}  // namespace

std::unique_ptr<Provider> make_codex_provider(Lab const& lab, std::string cli) {
  return std::make_unique<CodexProvider>(lab, std::move(cli));
}

}  // namespace ar::chaos
