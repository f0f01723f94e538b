// Agents that run chaos-reader: what they received stands in their receipts files, which outlive them.
#include "chaos/body.hpp"
#include "chaos/provider.hpp"

#include <fstream>

namespace ar::chaos {
namespace {

class FastProvider final : public Provider {
 public:
  explicit FastProvider(Lab const& lab) : lab_(lab) {}

  json spawn_request(std::string const& agent) const override {
    json const options = {{"ready", {{"pattern", "^ready"}}},
                          {"paste", "bracketed"},
                          {"proof", {{"pattern", "^took {correlation_id}"}, {"receipts", file_of(agent).string()}}},
                          {"turn_end", {{"pattern", "^done "}}}};
    return {{"id", agent},          {"provider", "command"}, {"cwd", lab_.work().string()},
            {"tags", {kSharedTag}}, {"options", options},    {"providerArgs", {program(), file_of(agent).string()}}};
  }
  std::string program() const override { return AR_CHAOS_READER; }
  std::string body(std::int64_t serial, std::mt19937_64& random) const override { return make_body(serial, random); }
  int backlog() const override { return 60; }

  std::vector<Receipt> receipts(std::vector<std::string> const& agents) override {
    std::vector<Receipt> all;
    for (auto const& agent : agents) {
      std::ifstream in(file_of(agent));
      Receipt receipt;
      receipt.agent = agent;
      for (std::string correlation_id; in >> correlation_id >> receipt.id >> receipt.serial >> receipt.body_hash;)
        all.push_back(receipt);
    }
    return all;
  }

 private:
  std::filesystem::path file_of(std::string const& agent) const { return lab_.work() / ("receipts-" + agent); }
  Lab const& lab_;
};

}  // namespace

std::unique_ptr<Provider> make_fast_provider(Lab const& lab) { return std::make_unique<FastProvider>(lab); }

}  // namespace ar::chaos
