// What a model was given, as its stub shows it: the prompts of the longest conversation, told apart by the id in each
// one's header.
#pragma once
#include "base/json.hpp"
#include "chaos/tally.hpp"

#include <regex>
#include <string>
#include <vector>

namespace ar::chaos {

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

}  // namespace ar::chaos
