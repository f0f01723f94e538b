// What a provider CLI is to the daemon, and how one drives it. One Adapter per provider (shared, stateless); one
// ProviderSession per running provider process.
#pragma once
#include "adapters/account.hpp"
#include "adapters/profile.hpp"
#include "adapters/prompt.hpp"
#include "adapters/provider_event.hpp"
#include "adapters/record_line.hpp"
#include "adapters/tool_call.hpp"
#include "adapters/transcript_row.hpp"
#include "adapters/usage.hpp"
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/worker.hpp"
#include "terminal/terminal.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::adapters {

/// What a person asked for, as far as a provider has to know it.
struct LaunchRequest {
  std::string agent_id;
  std::filesystem::path cwd;
  std::string model{}, effort{}, approval_mode{}, label{};
  bool request_input = true;  ///< somebody may be asked; else every request is told no at once
  std::string system_prompt_append{};
  std::vector<std::string> provider_args{};  ///< after `--`; for `command` the command itself when not configured
  json options = json::object();             ///< the [providers.NAME] table of the configuration
  std::map<std::string, std::string>
      environment{};                         ///< already allow-listed and complete: PATH, HOME, AGENT_RELAY_*, ...
  std::filesystem::path agent_dir;           ///< 0700, this agent's own; the adapter may write below it
  std::filesystem::path hook_client;         ///< the static hook client's path
  std::filesystem::path plugin_dir;          ///< the bundle for this provider (plugins/NAME)
  std::string resume_session{};              ///< provider's session to go on with; empty: a new one
  std::string new_session_id{};              ///< UUID to use for a new one, where the provider lets us choose
  std::shared_ptr<Profile const> profile{};  ///< null: none, everything as the host has it
};

/// How to start it. `environment` replaces the request's.
struct LaunchPlan {
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;
  std::string session_id;  ///< the provider's session this will be; empty when only the provider knows
  bool resumes = false;
};

/// What the daemon gives a session; the references outlive it.
struct SessionContext {
  Executor executor;
  Worker& files;  ///< the agent's own, for what waits for the disk
  std::shared_ptr<terminal::Terminal> terminal{};
  LaunchRequest request{};
  std::string session_id{};          ///< what LaunchPlan said, or the journal
  std::string transcript{};          ///< what the journal knows; may be empty
  std::string earlier_transcript{};  ///< the record before that one: what was handed last may be in there
  bool adopted = false;              ///< the process ran before this daemon did: find out where it stands
  /// Adopted: the messages of the turn that was running when the daemon before this one ended, the latest last.
  std::vector<Prompt> open_turn{};
  std::function<void(ProviderEvent)> emit{};
  /// Something in the session has ended by an exception: what it says of its provider is not to be relied on any more.
  TaskGroup::OnDeath on_death{};
};

/// The live side of one provider process. Destroy only after `stop()` has completed.
class ProviderSession {
 public:
  virtual ~ProviderSession() = default;

  /// Starts watching; events flow from here on. An adopted session reports its present state by itself.
  virtual void start() = 0;
  virtual awaitable<void> stop() = 0;

  /// A hook of this process was called. The answer is the provider's hook output JSON, empty object: nothing to say.
  virtual Result<json> hook(std::string const& event, json const& payload) = 0;

  /// The tool call that this hook is about, if it is about one and its answer can change it.
  virtual std::optional<ToolCall> tool_call(std::string const& /*event*/, json const& /*payload*/) const {
    return std::nullopt;
  }
  /// The answer of that hook by which the provider carries out what was decided about the call.
  virtual ToolAnswer tool_answer(std::string const& /*event*/, json const& /*payload*/,
                                 ToolVerdict const& /*verdict*/) {
    return {};
  }

  /// A hook of this process asks a person (PermissionRequest): `Asked` with `call` as its key, and the hook's answer
  /// once there is one. `call` is the same when the hook comes again after it lost the daemon.
  virtual awaitable<Result<json>> ask(std::string /*call*/, json /*payload*/) {
    co_return conflict("unsupported", "this provider has no way to ask a person from outside its terminal");
  }
  /// That hook has gone without its answer.
  virtual void ask_left(std::string const& /*call*/) {}
  /// What was `Asked` is decided: the provider is told as soon as it can be.
  virtual void answer(std::string const& /*key*/, Answer const& /*answer*/) {}

  /// Empty: a prompt may be handed over. Else why not, for people ("permission prompt is open"). `urgent` prompts may
  /// pass while the provider is merely busy.
  virtual std::string block_reason(bool urgent) const = 0;
  /// The same for a notice (Prompt::is_notice), which some providers take beside their input.
  virtual std::string block_reason_of_notice() const { return block_reason(false); }
  /// Asks the provider itself, now: what its end would cut off, for people ("a command in the background"). Empty: it
  /// is at rest. Where there is nobody to ask, that nothing blocks it says so.
  virtual awaitable<std::string> running_work() { co_return block_reason(false); }
  /// Types the prompt and sees it through to its outcome; one at a time. The caller has journalled `submitted` before.
  /// `on_step` is told "typed" (the text stands in the input) and "entered" (its key was pressed) as they happen; of a
  /// notice that the provider is to fetch, "offered".
  virtual awaitable<SubmitResult> submit(Prompt prompt, std::function<void(std::string_view step)> on_step) = 0;
  /// Asks the provider's record. `process_gone`: the provider process that was handed it has ended since.
  virtual awaitable<RecordedOutcome> query_outcome(Prompt prompt, bool process_gone) = 0;

  /// Ends the running turn, as Escape would.
  virtual awaitable<Result<void>> interrupt() = 0;
  /// The provider's own commands; `unsupported` (conflict) where it has none.
  virtual awaitable<Result<void>> compact() = 0;
  virtual awaitable<Result<void>> clear() = 0;
  /// Asks the provider to end by itself; the terminal's exit tells when it has. The caller kills after its deadline.
  virtual awaitable<Result<void>> quit() = 0;
};

/// A file that a conversation's record is made of. Its name is the same on every machine: relative, with '/' between
/// folders.
struct RecordFile {
  std::string name;
  std::filesystem::path place;  ///< here
};

struct AdapterFacts {
  std::string name;   ///< claude, codex, command
  json capabilities;  ///< providerCapabilities on the bus (docs/bus.md)
  std::vector<std::string> default_tags{};
  std::vector<std::string> default_capabilities{};
  std::vector<std::string>
      variables{};        ///< of the environment, by which people log in or choose a model's server; `*` ends a prefix
  bool animates = false;  ///< its screen moves while it waits for its model
  std::string usage_source{};  ///< which record of it says how many tokens it has used: "transcript"; empty: none
};

/// One line of `doctor`.
struct Check {
  enum class Level { ok, warning, error };
  Level level = Level::ok;
  std::string subject;  ///< "claude"
  std::string finding;  ///< "2.1.197 at /usr/bin/claude"
  std::string remedy{};
};

class Adapter {
 public:
  virtual ~Adapter() = default;
  virtual AdapterFacts const& facts() const = 0;
  /// Looks at the machine: is the CLI there, is its version known? Never starts a session, never reads a secret.
  virtual std::vector<Check> doctor(json const& options) const = 0;
  /// Whether a [providers.NAME] table is right: every key known, every value of its kind. The error names the key.
  virtual Result<void> check_options(json const& options) const = 0;
  /// Writes what the provider needs into agent_dir and says how to start it. Errors name the remedy: cli_missing,
  /// cli_too_old, bad options. Blocks (it may run the CLI to ask for its version), so it is called on a Worker.
  virtual Result<LaunchPlan> prepare(LaunchRequest const& request) const = 0;
  /// How the request's profile is carried out by this provider, field by field. Only with a profile.
  virtual ProjectionReport projection(LaunchRequest const& /*request*/) const { return {}; }
  /// Whose login the agent uses. `salt`: the installation's own. Reads the provider's files, so it is called on a
  /// Worker.
  virtual Account account(LaunchRequest const& /*request*/, std::string const& /*salt*/) const { return {}; }
  virtual std::unique_ptr<ProviderSession> open(SessionContext context) const = 0;
  /// Whether the provider can go on with this session (its record exists).
  virtual bool can_resume(LaunchRequest const& request, std::string const& session_id) const = 0;
  /// Why starting it again cannot help after this end, for people; empty: it may.
  virtual std::string permanent_failure(terminal::ExitStatus const& status) const {
    if (status.code != 126 && status.code != 127) return {};
    if (!status.not_started.empty()) return status.not_started;
    return status.code == 126 ? "its program cannot be executed" : "its program was not found";
  }
  /// What the provider said when it ended with an error, and to whom, where its terminal is not the place for it: one
  /// line for people, of bounded length and without a secret. Empty: nothing. Reads a file, so it is called on a
  /// Worker.
  virtual std::string exit_diagnostic(LaunchRequest const& /*request*/) const { return {}; }
  /// query_outcome after the provider's end, without a process: what does the record say?
  virtual RecordedOutcome look_up_outcome(LaunchRequest const& request, std::string const& transcript,
                                          Prompt const& prompt) const = 0;
  /// How the turn ended that took the last of these messages, by the record: for turns whose end nobody saw. Nothing:
  /// it has not ended there, or the record does not say. Reads the whole record, so it is called on a Worker.
  virtual std::optional<TurnEnded> turn_end(LaunchRequest const& /*request*/, std::string const& /*transcript*/,
                                            std::vector<std::string> const& /*correlation_ids*/) const {
    return std::nullopt;
  }
  /// The line of the record by which look_up_outcome() says `accepted`. Reads the record, so it is called on a Worker.
  virtual std::optional<RecordLine> accepting_line(LaunchRequest const& /*request*/, std::string const& /*transcript*/,
                                                   std::string const& /*correlation_id*/) const {
    return std::nullopt;
  }
  /// Reads a line of the record for people and programs; empty: it has none that can be read.
  virtual TranscriptParser transcript_parser() const { return {}; }
  /// What the provider must find to go on with this session elsewhere: the record itself first. None: it keeps none.
  /// Looks into folders, so it is called on a Worker.
  virtual std::vector<RecordFile> record_files(LaunchRequest const& /*request*/,
                                               std::string const& /*session_id*/) const {
    return {};
  }
  /// Where on this machine the file belongs that record_files has called so elsewhere. Empty: no file of that session's
  /// record is called so. (Whoever wrote the name may mean harm.)
  virtual std::filesystem::path record_place(LaunchRequest const& /*request*/, std::string const& /*session_id*/,
                                             std::string const& /*name*/) const {
    return {};
  }
  /// What this record says has been used; null without a `usage_source`.
  virtual std::unique_ptr<UsageReader> usage_reader(std::string const& /*transcript*/) const { return nullptr; }
};

}  // namespace ar::adapters
