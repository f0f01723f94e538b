// The adapter for any interactive program. What it can prove is what its profile declares
// (command_options.hpp); a program that declares nothing is `unverified`, and never called accepted.
#pragma once
#include "adapters/adapter.hpp"

#include <memory>

namespace ar::adapters {

class CommandAdapter final : public Adapter {
 public:
  CommandAdapter();
  AdapterFacts const& facts() const override { return facts_; }
  std::vector<Check> doctor(json const& options) const override;
  Result<void> check_options(json const& options) const override;
  Result<LaunchPlan> prepare(LaunchRequest const& request) const override;
  ProjectionReport projection(LaunchRequest const& request) const override;
  std::unique_ptr<ProviderSession> open(SessionContext context) const override;
  bool can_resume(LaunchRequest const& request, std::string const& session_id) const override;
  RecordedOutcome look_up_outcome(LaunchRequest const& request, std::string const& transcript,
                                  Prompt const& prompt) const override;
  std::optional<RecordLine> accepting_line(LaunchRequest const& request, std::string const& transcript,
                                           std::string const& correlation_id) const override;
  std::optional<TurnEnded> turn_end(LaunchRequest const& request, std::string const& transcript,
                                    std::vector<std::string> const& correlation_ids) const override;
  /// The receipts alone: what else the program remembers is its own matter.
  std::vector<RecordFile> record_files(LaunchRequest const& request, std::string const& session_id) const override;
  std::filesystem::path record_place(LaunchRequest const& request, std::string const& session_id,
                                     std::string const& name) const override;

 private:
  AdapterFacts const facts_;
};

std::shared_ptr<Adapter const> make_command_adapter();

/// The options of the bundled demo agent (plugins/command/demo-agent), used when no command is named
/// anywhere.
json demo_agent_options(std::filesystem::path const& plugin_dir);

}  // namespace ar::adapters
