#include "adapters/command/command_adapter.hpp"

#include "adapters/command/command_options.hpp"
#include "adapters/command/command_session.hpp"
#include "adapters/command/receipts.hpp"
#include "base/paths.hpp"

namespace ar::adapters {
namespace {

constexpr char kReceipts[] = "receipts";  ///< whatever the file is called

/// The request's options with the command decided: the configured one and what follows `--`, else the demo
/// agent.
json effective_options(LaunchRequest const& request) {
  json options = request.options;
  auto& command = options["command"];
  if (!command.is_null() && !command.is_array()) return options;  // read_options says what is wrong with it
  for (auto const& argument : request.provider_args) command.push_back(argument);
  if (!command.empty()) return options;
  options.erase("command");
  auto demo = demo_agent_options(request.plugin_dir);
  demo.update(options);
  return demo;
}

/// Empty: it keeps none.
std::filesystem::path receipts_of(LaunchRequest const& request, command::Options const& options) {
  return options.receipts.empty() ? std::filesystem::path() : request.agent_dir / options.receipts;
}

json capabilities() {
  return {{"lifecycle",
           {{"managed", true},
            {"shutdownHard", true},
            {"restartHard", true},
            {"semanticStatus", false},
            {"reconnect", true}}},
          {"context", {{"compact", false}, {"clear", false}, {"inject", true}}},
          {"approvals", {{"permission", false}, {"question", false}}}};
}

}  // namespace

std::shared_ptr<Adapter const> make_command_adapter() { return std::make_shared<CommandAdapter>(); }

json demo_agent_options(std::filesystem::path const& plugin_dir) {
  json options;
  options["command"] = json::array({(plugin_dir / "demo-agent").string()});
  options["ready"]["pattern"] = "demo agent ready";
  options["paste"] = "lines";
  options["proof"]["pattern"] = "^took {correlation_id}$";
  options["proof"]["receipts"] = "receipts";
  options["turn_end"]["pattern"] = "^answered ";
  return options;
}

CommandAdapter::CommandAdapter() : facts_{"command", capabilities()} {}

Result<void> CommandAdapter::check_options(json const& table) const {
  auto const options = command::read_options(table);
  return options ? Result<void>() : Result<void>(options.error());
}

std::vector<Check> CommandAdapter::doctor(json const& table) const {
  auto const options = command::read_options(table);
  if (!options) return {{Check::Level::error, "command", options.error().message, "correct [providers.command]"}};
  if (options->command.empty()) return {{Check::Level::ok, "command", "no program configured: the demo agent is used"}};
  auto const found = find_executable(options->command.front());
  if (!found)
    return {{Check::Level::error, "command", found.error().message, "install it or correct providers.command.command"}};
  if (!options->has_proof())
    return {{Check::Level::warning, "command", found->string() + " declares no proof: its messages end unverified",
             "declare providers.command.proof: a line that it prints once it has taken a message"}};
  return {{Check::Level::ok, "command", found->string()}};
}

Result<LaunchPlan> CommandAdapter::prepare(LaunchRequest const& request) const {
  auto const options = command::read_options(effective_options(request));
  if (!options) return options.error();
  LaunchPlan plan;
  plan.argv = options->command;
  plan.environment = request.environment;
  auto const path = request.environment.find("PATH");
  auto const executable = find_executable(plan.argv.front(), path == request.environment.end() ? "" : path->second);
  if (!executable) {
    Error missing = executable.error();
    missing.code = "cli_missing";
    missing.message += " (the program of agent " + request.agent_id + ")";
    return missing;
  }
  plan.argv.front() = executable->string();
  if (auto const receipts = receipts_of(request, *options); !receipts.empty())
    plan.environment["AGENT_RUNNER_RECEIPTS"] = receipts.string();
  return plan;
}

std::unique_ptr<ProviderSession> CommandAdapter::open(SessionContext context) const {
  // prepare() has refused wrong ones already; an adopted agent's may have been changed since in the
  // configuration.
  auto const read = command::read_options(effective_options(context.request));
  auto options = read ? *read : command::Options{};
  auto receipts = receipts_of(context.request, options);
  return std::make_unique<command::CommandSession>(std::move(context), std::move(options), std::move(receipts));
}

bool CommandAdapter::can_resume(LaunchRequest const&, std::string const&) const { return false; }

RecordedOutcome CommandAdapter::look_up_outcome(LaunchRequest const& request, std::string const&,
                                                Prompt const& prompt) const {
  auto const options = command::read_options(effective_options(request));
  if (!options || !options->has_proof()) return RecordedOutcome::blind;
  if (auto const receipts = receipts_of(request, *options); !receipts.empty()) {
    switch (command::find_receipt(receipts, prompt.correlation_id)) {
      case command::Receipt::there: return RecordedOutcome::accepted;
      case command::Receipt::missing: return RecordedOutcome::absent;
      case command::Receipt::unreadable: return RecordedOutcome::blind;
    }
  }
  return options->proof_complete ? RecordedOutcome::absent : RecordedOutcome::blind;
}

std::optional<RecordLine> CommandAdapter::accepting_line(LaunchRequest const& request, std::string const&,
                                                         std::string const& correlation_id) const {
  auto const options = command::read_options(effective_options(request));
  if (!options) return std::nullopt;
  return find_record_line(receipts_of(request, *options), correlation_id, [&](std::string_view line) {
    bool const whole = line == correlation_id || line.starts_with(correlation_id + " ");
    return whole ? std::optional(std::string()) : std::nullopt;
  });
}

std::vector<RecordFile> CommandAdapter::record_files(LaunchRequest const& request, std::string const&) const {
  auto const options = command::read_options(effective_options(request));
  auto const receipts = options ? receipts_of(request, *options) : std::filesystem::path();
  std::error_code ec;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(receipts, ec))) return {};
  return {RecordFile{kReceipts, receipts}};
}

std::filesystem::path CommandAdapter::record_place(LaunchRequest const& request, std::string const&,
                                                   std::string const& name) const {
  auto const options = command::read_options(effective_options(request));
  return options && name == kReceipts ? receipts_of(request, *options) : std::filesystem::path();
}

std::optional<TurnEnded> CommandAdapter::turn_end(LaunchRequest const& request, std::string const&,
                                                  std::vector<std::string> const&) const {
  auto const options = command::read_options(effective_options(request));
  if (!options || options->has_turns()) return std::nullopt;  // it keeps no record of them
  return TurnEnded{};                                         // one that declares none ends them by taking the message
}

}  // namespace ar::adapters
