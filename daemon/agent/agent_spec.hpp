// What a person or program asked for when it spawned an agent: kept in the journal, shown by the API.
#pragma once
#include "adapters/profile.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "daemon/agent/usage_account.hpp"
#include "daemon/agent/worktree.hpp"
#include "daemon/outbox/receiver.hpp"
#include "daemon/resources/placement.hpp"
#include "daemon/store/skill_store.hpp"
#include "model/approval_rule.hpp"
#include "model/children_grant.hpp"
#include "model/message.hpp"
#include "model/resource_limits.hpp"
#include "terminal/terminal.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// What of its parent's work a child belongs to, as whoever spawned it says.
struct ParentCall {
  std::string turn_id{};
  std::optional<std::int64_t> turn_sequence{};  ///< the first is 0
  std::string call_id{};
};

struct AgentSpec {
  std::string id;  ///< empty in a request: the supervisor finds a free name
  std::string provider;
  std::string cwd;
  std::string model{}, effort{}, approval_mode = "guarded", label{}, profile{}, parent{};
  std::string root{};  ///< where its line of parents begins; empty: it has none
  ParentCall call{};
  std::string user = "operator";       ///< who spawned it: the operator, or the agent that is its parent
  std::string initiator = "operator";  ///< who spawned its root
  bool named_by_agent = false;         ///< by one that is not here: it was restored without its parent
  bool detached = false;               ///< it goes on when its parent is stopped
  bool report_end = false;             ///< its parent is told what came of its first message
  ChildrenGrant children{};
  ResourceLimits resources{};  ///< what it says of them itself
  std::string prompt{};        ///< delivered once, after the first start, before any message
  std::string system_prompt_append{};
  std::vector<std::string> tags{}, capabilities{}, provider_args{};
  std::vector<std::string> output_dirs{};            ///< whose files are captured; normal
  std::map<std::string, std::string> environment{};  ///< may hold secrets: stored 0600, never shown
  json options = json::object();                     ///< overrides of [providers.NAME] for this agent
  bool request_input = true;                         ///< somebody may be asked; else it is told no at once
  std::int64_t deadline_ms = 0;                      ///< since its creation: its work is cancelled then; 0: never
  std::int64_t idle_ttl_ms = 0;                      ///< idle that long: suspended; 0: never
  Callback callback{};                               ///< who is told how its session ended; holds a secret
  json profile_table = nullptr;                      ///< of a request: its own profile, as written
  std::shared_ptr<adapters::Profile const> agent_profile{};  ///< resolved; null: none. May hold secrets
  std::vector<std::string> skills_named{};  ///< of a request: by id, name or folder, besides its profile's
  std::vector<PinnedSkill> skills{};        ///< what they were at the spawn, its profile's too
  Workspace workspace{};
  // Passed through to the bus's meta as they came.
  std::string rig{}, policy_name{}, spawn_request_id{}, automation_id{}, automation_run_id{};
};

/// Reads a spawn request, an agent's specification in docs/control-api.md. Checks names, sizes and that cwd is an
/// existing directory. `default_cwd` empty: the request names one.
Result<AgentSpec> agent_spec_from(json const& asked_for, std::string const& default_provider,
                                  std::string const& default_cwd = {});
/// Whether an agent may have that name; the error is of the field `id`.
Result<void> check_agent_id(std::string const& id);
/// The journal's form; `spec_from_journal` reads it back without checking the machine again.
json to_journal(AgentSpec const& spec);
AgentSpec spec_from_journal(json const& stored);
/// For people: its label, else its id.
inline std::string const& name_of(AgentSpec const& spec) { return spec.label.empty() ? spec.id : spec.label; }
/// As approval rules see it.
inline Asker asker_of(AgentSpec const& spec) {
  return {spec.id, spec.cwd, spec.tags, spec.named_by_agent || !spec.parent.empty() || spec.user != "operator",
          spec.approval_mode == "read-only"};
}
/// What its parent's events say of it: {child, name, callId?}.
json child_json(AgentSpec const& spec);
/// Whose child it is: {sessionId, turn: {id, sequence} | null, callId}; null: nobody's.
json parent_json(AgentSpec const& spec);
/// Who that is: {kind: operator | agent, name}.
json principal_json(std::string const& user);
/// The part that is shown: no environment, no system prompt.
json to_public(AgentSpec const& spec);

/// What changes while it lives and must survive the daemon.
struct AgentRecord {
  std::string provider_session{};  ///< fresh UUID at every start of the process
  std::string session_id{};        ///< the provider's own session
  std::string transcript{};
  std::string earlier_transcript{};  ///< the record before that one: what was handed last may be in there
  std::string model{};               ///< as the provider reported it
  std::string tmux_session{};
  ProcessMark mark = 0;              ///< on everything that runs because of it
  Placement placement{};             ///< of its present process, or of its last one
  std::string process_token_hash{};  ///< SHA-256 of the token its process was started with
  std::int64_t pid = 0;
  std::int64_t restarts = 0;  ///< unexpected exits that were followed by a start
  std::int64_t turns = 0;
  std::string reason{};                   ///< why it is in its state, for people
  std::string last_exit{};                ///< "exit status 1", "signal 9"; and what it said, where it said anything
  std::vector<std::string> last_lines{};  ///< of its terminal, at that end; without secrets
  bool prompt_given = false;              ///< the initial prompt has been queued
  json hold = nullptr;                    ///< a ProviderHold, while its provider refuses work
  std::string account{};                  ///< the login that its provider uses; empty: none, or not known yet
  std::vector<WallTime> exits{};          ///< unexpected ones that the restart policy still counts
  bool capture_due = false;               ///< of its output folders
  std::int64_t active_ms = 0, last_turn_ms = 0;  ///< of its turns that are over
  bool deadline_over = false;                    ///< it has come
  bool deadline_kept = false;                    ///< and its work has been cancelled for it
  bool called_back = false;                      ///< its callback is owed to nobody any more
  std::string result{};     ///< what its parent is told: completed, failed, stopped, removed; empty: nothing yet
  std::string last_turn{};  ///< how the newest of them ended: done, failed, interrupted
  UsageAccount usage{};
  WallTime created_at{}, since{}, started_at{}, idle_at{};

  void set_transcript(std::string path) {
    if (path == transcript) return;
    if (!transcript.empty()) earlier_transcript = std::move(transcript);
    transcript = std::move(path);
  }
};
json to_json(AgentRecord const& record);
AgentRecord agent_record_from(json const& stored);

}  // namespace ar::daemon
