#include "adapters/codex/codex_adapter.hpp"

#include "adapters/cli_probe.hpp"
#include "adapters/codex/account.hpp"
#include "adapters/codex/launch.hpp"
#include "adapters/codex/profile.hpp"
#include "adapters/codex/record.hpp"
#include "adapters/codex/session.hpp"
#include "adapters/codex/transcript_rows.hpp"
#include "adapters/codex/versions.hpp"
#include "adapters/exit_diagnostic.hpp"
#include "adapters/record_name.hpp"
#include "adapters/reset_time.hpp"
#include "base/ids.hpp"
#include "base/paths.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace ar::adapters {
namespace codex {
namespace {

constexpr std::streamoff kLogRead = 16'384;  ///< bytes of the app server's log

AdapterFacts make_facts() {
  AdapterFacts facts;
  facts.name = "codex";
  facts.animates = true;
  facts.usage_source = "rollout";
  facts.default_tags = {"codex"};
  facts.variables = {"CODEX_API_KEY", "CODEX_HOME", "OPENAI_*"};
  facts.capabilities = R"({
    "lifecycle": {"managed": true, "shutdownHard": true, "restartHard": true, "semanticStatus": true, "reconnect": true},
    "session": {"fileRead": true, "fileWrite": true, "shell": true, "source": "runtime", "confidence": "reported"},
    "context": {"compact": true, "clear": true, "inject": true},
    "approvals": {"permission": true, "question": true}
  })"_json;
  return facts;
}

class CodexAdapter final : public Adapter {
 public:
  AdapterFacts const& facts() const override { return facts_; }

  Result<void> check_options(json const& table) const override {
    auto const options = read_options(table);
    return options ? Result<void>() : Result<void>(options.error());
  }

  std::vector<Check> doctor(json const& table) const override {
    auto const options = read_options(table);
    if (!options) return {{Check::Level::error, "codex", options.error().message, "correct the configuration"}};
    auto const cli = find_cli(options->command, {});
    if (!cli)
      return {{Check::Level::error, "codex", cli.error().message,
               "npm install -g @openai/codex, or set providers.codex.command"}};
    auto const version = cli_version(*cli);
    Check check{Check::Level::ok, "codex", (version ? *version : "?") + " at " + cli->string(), {}};
    if (version && compare_numbers(*version, newest_row().seen_in) > 0) {
      check.level = Check::Level::warning;
      check.finding += "; this agent-runner was measured against " + std::string(newest_row().seen_in);
      check.remedy = "it should work; if messages are held without a reason you can see, install that version";
    }
    std::vector<Check> checks{std::move(check)};
    std::map<std::string, std::string> environment;
    // An agent does not inherit CODEX_HOME; it is configured or the usual place.
    if (auto const* home = std::getenv("HOME")) environment["HOME"] = home;
    for (auto const& [name, value] : options->environment) environment[name] = value;
    auto const codex = codex_home(environment);
    if (auto const wrong = fault_in_settings(codex); !wrong.empty())
      checks.push_back({Check::Level::warning, "codex configuration", wrong + "; Codex would go on with its defaults",
                        "correct it"});
    std::error_code ec;
    // Which files there are, not what is in them; a model provider of one's own needs no login.
    if (!std::filesystem::exists(codex / "auth.json", ec) && !std::filesystem::exists(codex / "config.toml", ec))
      checks.push_back({Check::Level::warning, "codex login", "neither auth.json nor config.toml in " + codex.string(),
                        "run `codex login`, or configure a model provider of your own"});
    return checks;
  }

  Result<LaunchPlan> prepare(LaunchRequest const& request) const override {
    auto const options = read_options(request.options);
    if (!options) return options.error();
    return plan_launch(request, *options);
  }

  ProjectionReport projection(LaunchRequest const& request) const override {
    auto const options = read_options(request.options);
    return options ? project(request, *options).report : ProjectionReport();
  }

  Account account(LaunchRequest const& request, std::string const& salt) const override {
    auto const options = read_options(request.options);
    return options ? codex::account(launch_environment(request, *options), salt) : Account();
  }

  std::unique_ptr<ProviderSession> open(SessionContext context) const override {
    auto const options = read_options(context.request.options);
    return std::make_unique<CodexSession>(std::move(context), options ? *options : Options());
  }

  bool can_resume(LaunchRequest const& request, std::string const& session_id) const override {
    auto const options = read_options(request.options);
    return options && find_record(codex_home(launch_environment(request, *options)), session_id).has_value();
  }

  std::vector<RecordFile> record_files(LaunchRequest const& request, std::string const& session_id) const override {
    auto const options = read_options(request.options);
    if (!options) return {};
    auto const home = codex_home(launch_environment(request, *options));
    auto const record = find_record(home, session_id);
    std::error_code ec;
    if (!record || !std::filesystem::is_regular_file(std::filesystem::symlink_status(*record, ec))) return {};
    return {RecordFile{record->lexically_relative(home).generic_string(), *record}};
  }

  std::filesystem::path record_place(LaunchRequest const& request, std::string const& session_id,
                                     std::string const& name) const override {
    auto const options = read_options(request.options);
    bool const is_its_own = is_safe_name(session_id) && is_record_name(name) && name.starts_with("sessions/") &&
                            name.ends_with("-" + session_id + ".jsonl");
    if (!options || !is_its_own) return {};
    return codex_home(launch_environment(request, *options)) / name;
  }

  std::string exit_diagnostic(LaunchRequest const& request) const override {
    std::ifstream in(files_of(request).log, std::ios::binary | std::ios::ate);
    if (!in) return {};
    in.seekg(std::max<std::streamoff>(in.tellg() - kLogRead, 0));
    std::string const log{std::istreambuf_iterator<char>(in), {}};
    auto const options = read_options(request.options);
    auto const words =
        adapters::exit_diagnostic(log, secrets_in(launch_environment(request, options ? *options : Options())));
    return words.empty() ? words : "Codex's app server said \"" + words + "\"";
  }

  RecordedOutcome look_up_outcome(LaunchRequest const& /*request*/, std::string const& transcript,
                                  Prompt const& prompt) const override {
    // Messages are handed only to a thread that has a record.
    if (transcript.empty()) return RecordedOutcome::absent;
    Record record(transcript);
    record.read();
    if (record.holds(prompt.correlation_id)) return RecordedOutcome::accepted;
    return record.unreadable() ? RecordedOutcome::blind : RecordedOutcome::absent;
  }

  std::optional<TurnEnded> turn_end(LaunchRequest const& request, std::string const& transcript,
                                    std::vector<std::string> const& correlation_ids) const override {
    auto end = turn_end_in(transcript, correlation_ids);
    auto const options = read_options(request.options);
    if (end) read_reset_time(*end, launch_environment(request, options ? *options : Options()));
    return end;
  }

  std::optional<RecordLine> accepting_line(LaunchRequest const& /*request*/, std::string const& transcript,
                                           std::string const& correlation_id) const override {
    return find_record_line(transcript, correlation_id, [&](std::string_view line) {
      return taken_correlation_id(line) == correlation_id ? std::optional(record_line_id(line)) : std::nullopt;
    });
  }

  TranscriptParser transcript_parser() const override { return transcript_rows; }

  std::unique_ptr<UsageReader> usage_reader(std::string const& transcript) const override {
    return std::make_unique<UsageRecord>(transcript);
  }

 private:
  AdapterFacts facts_ = make_facts();
};

}  // namespace
}  // namespace codex

std::shared_ptr<Adapter const> make_codex_adapter() { return std::make_shared<codex::CodexAdapter>(); }

}  // namespace ar::adapters
