// The real Codex against the stub of its model API, in a network namespace that has nothing but loopback. Its app
// server, its screen and the host of both may each be killed. Received is what the model was given.
#include "chaos/body.hpp"
#include "chaos/prompts.hpp"
#include "chaos/provider.hpp"
#include "e2e/openai_stub.hpp"

namespace ar::chaos {
namespace {

class CodexProvider final : public Provider {
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
  std::string body(std::int64_t serial, std::mt19937_64& random) const override {
    auto body = make_body(serial, random);
    if (random() % 4 == 0) body += "\n[[sleep:300]][[say:slowly]]";
    return body;
  }
  std::string tool_body(std::int64_t serial) const override {
    return std::string(kSerialMark) + std::to_string(serial) + " with a tool [[exec:sleep 1]] to run";
  }
  int backlog() const override { return 8; }

  std::vector<Receipt> receipts(std::vector<std::string> const& agents) override {
    return receipts_in(stub_.get("/__prompts"), agents.front());
  }

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
