#include "adapters/claude/claude_adapter.hpp"

#include "adapters/claude/account.hpp"
#include "adapters/claude/launch.hpp"
#include "adapters/claude/live_state.hpp"
#include "adapters/claude/profile.hpp"
#include "adapters/claude/record_files.hpp"
#include "adapters/claude/session.hpp"
#include "adapters/claude/transcript.hpp"
#include "adapters/claude/transcript_rows.hpp"
#include "adapters/claude/turn_record.hpp"
#include "adapters/claude/usage_record.hpp"
#include "adapters/claude/versions.hpp"
#include "adapters/cli_probe.hpp"
#include "adapters/reset_time.hpp"
#include "base/ids.hpp"
#include "base/paths.hpp"

namespace ar::adapters {
namespace claude {
namespace {

AdapterFacts make_facts() {
  AdapterFacts facts;
  facts.name = "claude";
  facts.default_tags = {"claude"};
  facts.animates = true;
  facts.usage_source = "transcript";
  facts.variables = {"ANTHROPIC_*", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_*", "CLAUDE_CONFIG_DIR"};
  facts.capabilities = R"({
    "lifecycle": {"managed": true, "shutdownHard": true, "restartHard": true, "semanticStatus": true, "reconnect": true},
    "session": {"fileRead": true, "fileWrite": true, "shell": true, "source": "runtime", "confidence": "reported"},
    "context": {"compact": true, "clear": true, "inject": true},
    "approvals": {"permission": true, "question": true},
    "toolHooks": {"deny": true, "input": true, "result": true, "context": true}
  })"_json;
  return facts;
}

class ClaudeAdapter final : public Adapter {
 public:
  AdapterFacts const& facts() const override { return facts_; }

  Result<void> check_options(json const& table) const override {
    auto const options = read_options(table);
    return options ? Result<void>() : Result<void>(options.error());
  }

  std::vector<Check> doctor(json const& table) const override {
    auto const options = read_options(table);
    if (!options) return {{Check::Level::error, "claude", options.error().message, "correct the configuration"}};
    auto const cli = find_executable(options->command);
    if (!cli)
      return {{Check::Level::error, "claude", cli.error().message,
               "npm install -g @anthropic-ai/claude-code, or set providers.claude.command"}};
    auto const version = cli_version(*cli);
    if (!version) return {{Check::Level::error, "claude", version.error().message, "reinstall Claude Code"}};
    Check check{Check::Level::ok, "claude", *version + " at " + cli->string(), {}};
    if (compare_numbers(*version, kOldestVersion) < 0) {
      check.level = Check::Level::error;
      check.remedy = "update Claude Code to " + std::string(kOldestVersion) + " or newer";
    } else if (compare_numbers(*version, newest_row().seen_in) > 0) {
      check.level = Check::Level::warning;
      check.finding += "; this agent-runner was measured against " + std::string(newest_row().seen_in);
      check.remedy = "it should work; if prompts are held without a reason you can see, install that version";
    }
    return {check};
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
    return options ? claude::account(launch_environment(request, *options), salt) : Account();
  }

  std::unique_ptr<ProviderSession> open(SessionContext context) const override {
    auto const options = read_options(context.request.options);
    return std::make_unique<ClaudeSession>(std::move(context), options ? *options : Options());
  }

  bool can_resume(LaunchRequest const& request, std::string const& session_id) const override {
    std::error_code ec;
    auto const transcript = transcript_of(request, session_id);
    return !transcript.empty() && std::filesystem::exists(transcript, ec);
  }

  std::vector<RecordFile> record_files(LaunchRequest const& request, std::string const& session_id) const override {
    auto const transcript = transcript_of(request, session_id);
    return transcript.empty() ? std::vector<RecordFile>() : claude::record_files(transcript);
  }

  std::filesystem::path record_place(LaunchRequest const& request, std::string const& session_id,
                                     std::string const& name) const override {
    auto const transcript = transcript_of(request, session_id);
    return transcript.empty() ? transcript : claude::record_place(transcript, name);
  }

  RecordedOutcome look_up_outcome(LaunchRequest const& /*request*/, std::string const& transcript,
                                  Prompt const& prompt) const override {
    // The CLI writes the record's first line with the first prompt: without a record nothing was taken.
    if (transcript.empty()) return RecordedOutcome::absent;
    TranscriptFile file(transcript);
    Ledger ledger;
    read_all(file, ledger);
    if (ledger.consumed(prompt.correlation_id)) return RecordedOutcome::accepted;
    return file.unreadable() ? RecordedOutcome::blind : RecordedOutcome::absent;
  }

  std::optional<TurnEnded> turn_end(LaunchRequest const& request, std::string const& transcript,
                                    std::vector<std::string> const& correlation_ids) const override {
    TranscriptFile file(transcript);
    TurnRecord turn({correlation_ids.begin(), correlation_ids.end()});
    read_all(file, turn);
    auto end = file.unreadable() ? std::nullopt : turn.end();
    auto const options = read_options(request.options);
    if (end) read_reset_time(*end, launch_environment(request, options ? *options : Options()));
    return end;
  }

  std::optional<RecordLine> accepting_line(LaunchRequest const& /*request*/, std::string const& transcript,
                                           std::string const& correlation_id) const override {
    return find_record_line(transcript, correlation_id,
                            [&](std::string_view line) { return consuming_line_id(line, correlation_id); });
  }

  TranscriptParser transcript_parser() const override { return transcript_rows; }

  std::unique_ptr<UsageReader> usage_reader(std::string const& transcript) const override {
    return std::make_unique<UsageRecord>(transcript);
  }

 private:
  /// Empty: there can be none.
  static std::filesystem::path transcript_of(LaunchRequest const& request, std::string const& session_id) {
    auto const options = read_options(request.options);
    if (!options || !is_safe_name(session_id)) return {};
    return transcript_file(config_dir(launch_environment(request, *options)), request.cwd, session_id);
  }

  template <class Reader>
  static void read_all(TranscriptFile& file, Reader& reader) {
    for (bool more = true; more;) {
      std::vector<TranscriptFact> facts;
      more = file.read(facts);
      for (auto const& fact : facts) reader.add(fact);
    }
  }

  AdapterFacts facts_ = make_facts();
};

}  // namespace
}  // namespace claude

std::shared_ptr<Adapter const> make_claude_adapter() { return std::make_shared<claude::ClaudeAdapter>(); }

}  // namespace ar::adapters
