#include "adapters/acp/acp_adapter.hpp"

#include "adapters/acp/conversation.hpp"
#include "adapters/acp/launch.hpp"
#include "adapters/acp/options.hpp"
#include "adapters/acp/record.hpp"
#include "adapters/acp/session.hpp"
#include "adapters/acp/transcript_rows.hpp"
#include "adapters/exit_diagnostic.hpp"
#include "base/ids.hpp"
#include "base/paths.hpp"
#include "model/provider.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

namespace ar::adapters {
namespace acp {
namespace {

constexpr std::streamoff kLogRead = 16'384;

AdapterFacts make_facts(std::string const& name) {
  AdapterFacts facts;
  facts.name = name;
  facts.default_tags = {"acp"};
  auto const row = std::ranges::find(kAcpAgents, name, &AcpAgentRow::name);
  if (row != kAcpAgents.end()) {
    std::istringstream words{std::string(row->variables)};
    for (std::string word; words >> word;) facts.variables.push_back(std::move(word));
  }
  facts.capabilities = R"({
    "lifecycle": {"managed": true, "shutdownHard": true, "restartHard": true, "semanticStatus": true, "reconnect": true},
    "session": {"fileRead": true, "fileWrite": true, "shell": true, "source": "runtime", "confidence": "reported"},
    "context": {"compact": false, "clear": true, "inject": true},
    "approvals": {"permission": true, "question": false}
  })"_json;
  return facts;
}

class AcpAdapter final : public Adapter {
 public:
  explicit AcpAdapter(std::string name) : name_(std::move(name)), facts_(make_facts(name_)) {}
  AdapterFacts const& facts() const override { return facts_; }

  /// Of `acp` itself: the table of tables.
  Result<void> check_options(json const& table) const override {
    if (name_ != "acp") {
      auto const options = read_options(name_, table);
      return options ? Result<void>() : Result<void>(options.error());
    }
    for (auto const& [agent, own] : table.items()) {
      if (!is_safe_name(agent) || std::ranges::find(kProviders, agent, &ProviderRow::name) != kProviders.end())
        return invalid("providers.acp." + agent, "\"" + agent +
                                                     "\" is no name for an agent that speaks ACP: use letters, " +
                                                     "digits, '-', '_' and '.', and no other provider's name");
      if (!own.is_object())
        return invalid("providers.acp." + agent, agent + " must be a table: [providers.acp." + agent + "]");
      auto const options = read_options(agent, own);
      if (!options) return options.error();
      if (options->command.empty()) return invalid("providers.acp." + agent + ".command", agent + " has no command");
    }
    return {};
  }

  /// One that is not there is nobody's fault: only those that are named in the configuration are missed.
  std::vector<Check> doctor(json const& table) const override {
    auto const options = read_options(name_, table);
    if (!options) return {{Check::Level::error, name_, options.error().message, "correct the configuration"}};
    if (options->command.empty()) return {};
    if (auto const found = find_executable(options->command.front()))
      return {{Check::Level::ok, name_, found->string() + ", by the Agent Client Protocol", {}}};
    else if (!table.empty())
      return {{Check::Level::error, name_, found.error().message, options->install}};
    return {};
  }

  Result<LaunchPlan> prepare(LaunchRequest const& request) const override {
    auto const options = options_of(name_, request);
    if (!options) return options.error();
    if (request.approval_mode == "read-only")
      return invalid("approvalMode",
                     "an agent that speaks ACP cannot be kept from writing; use guarded or full, or a "
                     "mode of its own (plan), and approval rules");
    return plan_launch(name_, request, *options);
  }

  ProjectionReport projection(LaunchRequest const& request) const override { return acp::projection(request); }

  /// The login is the person's, in their home, or the key in the environment.
  Account account(LaunchRequest const& request, std::string const& salt) const override {
    auto const options = options_of(name_, request);
    auto const environment = options ? launch_environment(request, *options) : request.environment;
    Account found;
    found.login_command = options ? options->command.front() : name_;
    for (auto const& [name, value] : environment)
      if (name.ends_with("_API_KEY") && !value.empty() && is_ours(name)) {
        found.name = account_name(name_, salt, {"key", value});
        return found;
      }
    auto const home = environment.find("HOME");
    found.name = account_name(name_, salt, {"home", home == environment.end() ? std::string() : home->second});
    return found;
  }

  std::unique_ptr<ProviderSession> open(SessionContext context) const override {
    // prepare() has refused wrong ones already; an adopted agent's may have been changed since.
    auto const read = options_of(name_, context.request);
    auto options = read ? *read : Options{.command = {name_}};
    return std::make_unique<AcpSession>(name_, std::move(context), std::move(options));
  }

  bool can_resume(LaunchRequest const& request, std::string const& session_id) const override {
    auto const noted = read_file(files_of(request.agent_dir).conversation, 4096);
    return noted && !session_id.empty() && noted->substr(0, noted->find('\n')) == session_id;
  }

  std::string exit_diagnostic(LaunchRequest const& request) const override {
    std::ifstream in(files_of(request.agent_dir).log, std::ios::binary | std::ios::ate);
    if (!in) return {};
    in.seekg(std::max<std::streamoff>(in.tellg() - kLogRead, 0));
    std::string const log{std::istreambuf_iterator<char>(in), {}};
    auto const options = options_of(name_, request);
    auto const words = adapters::exit_diagnostic(
        log, secrets_in(options ? launch_environment(request, *options) : request.environment));
    return words.empty() ? words : name_ + " said \"" + words + "\"";
  }

  RecordedOutcome look_up_outcome(LaunchRequest const& request, std::string const& transcript,
                                  Prompt const& prompt) const override {
    if (transcript.empty()) return RecordedOutcome::absent;  // messages are handed over once there is a record
    auto conversation = read_conversation(transcript);
    if (!conversation) return RecordedOutcome::pending;
    auto const outcome = conversation->outcome_of(prompt.correlation_id);
    if (outcome != RecordedOutcome::pending) return outcome;
    // Its process is gone. The next one tells, if it can load the conversation.
    auto const noted = read_file(files_of(request.agent_dir).conversation, 4096);
    return noted && noted->size() > 1 ? RecordedOutcome::pending : RecordedOutcome::blind;
  }

  std::optional<TurnEnded> turn_end(LaunchRequest const& /*request*/, std::string const& transcript,
                                    std::vector<std::string> const& correlation_ids) const override {
    auto const conversation = read_conversation(transcript);
    return conversation ? conversation->end_of(correlation_ids) : std::nullopt;
  }

  TranscriptParser transcript_parser() const override { return transcript_rows; }

 private:
  bool is_ours(std::string const& variable) const {
    return std::ranges::any_of(facts_.variables, [&](std::string const& known) {
      return known.ends_with('*') ? variable.starts_with(known.substr(0, known.size() - 1)) : variable == known;
    });
  }

  std::string const name_;
  AdapterFacts const facts_;
};

}  // namespace
}  // namespace acp

std::shared_ptr<Adapter const> make_acp_adapter(std::string name) {
  return std::make_shared<acp::AcpAdapter>(std::move(name));
}

}  // namespace ar::adapters
