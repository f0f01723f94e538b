// What the real CLIs have in common: received is what the model was given, as its stub shows it.
#pragma once
#include "base/json.hpp"
#include "chaos/body.hpp"
#include "chaos/provider.hpp"

#include <regex>
#include <string>
#include <vector>

namespace ar::chaos {

/// The prompts of a conversation, told apart by the id in each one's header.
inline std::vector<Receipt> receipts_in(json const& prompts, std::string const& agent) {
  std::vector<Receipt> all;
  static std::regex const header("\\[agent-runner ([0-9a-f]{10}) \xC2\xB7 message ([0-9]+) ");
  for (auto const& prompt : prompts) {
    auto const text = prompt.get<std::string>();
    for (std::sregex_iterator it(text.begin(), text.end(), header), end; it != end; ++it) {
      if ((*it)[1] == "0123456789") continue;  // a body that poses as a header
      Receipt receipt;
      receipt.agent = agent;
      receipt.id = std::stoll((*it)[2]);
      all.push_back(std::move(receipt));
    }
  }
  return all;
}

class CliProvider : public Provider {
 public:
  std::string body(std::int64_t serial, std::mt19937_64& random) const override {
    auto body = make_body(serial, random);
    if (random() % 4 == 0) body += "\n[[sleep:300]][[say:slowly]]";
    return body;
  }
  std::string tool_body(std::int64_t serial) const override {
    return std::string(kSerialMark) + std::to_string(serial) + " with a tool [[" + tool() + ":sleep 1]] to run";
  }
  int backlog() const override { return 8; }
  std::vector<Receipt> receipts(std::vector<std::string> const& agents) override {
    return receipts_in(prompts(), agents.front());
  }

 protected:
  virtual std::string tool() const = 0;  ///< the stub's word for a shell command
  virtual json prompts() const = 0;
};

}  // namespace ar::chaos
