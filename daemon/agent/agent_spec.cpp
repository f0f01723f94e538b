#include "daemon/agent/agent_spec.hpp"

#include "base/ids.hpp"
#include "base/paths.hpp"
#include "base/unicode.hpp"
#include "base/words.hpp"
#include "daemon/outputs/output_dirs.hpp"
#include "relay/message_rules.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace fs = std::filesystem;

namespace ar::daemon {
namespace {

constexpr std::size_t kMostSkills = 100;
constexpr std::size_t kMaxCall = 128;        // bytes of the name of a turn or call
constexpr std::size_t kMaxText = 256 << 10;  // prompts and system prompts: far under a provider's own limits
constexpr std::size_t kMaxWord = 1 << 10;    // all other texts: the bus is told of most of them
constexpr std::size_t kMaxPath = 4 << 10;

template <class Fields, class Spec>
void text_fields(Fields&& field, Spec& s) {
  field("id", s.id), field("provider", s.provider), field("cwd", s.cwd), field("model", s.model),
      field("effort", s.effort);
  field("approvalMode", s.approval_mode), field("label", s.label), field("profile", s.profile),
      field("parent", s.parent);
  field("prompt", s.prompt), field("systemPromptAppend", s.system_prompt_append), field("rig", s.rig);
  field("policyName", s.policy_name), field("spawnRequestId", s.spawn_request_id);
  field("automationId", s.automation_id), field("automationRunId", s.automation_run_id);
}

/// The token goes into a header.
void read_callback(FieldReader& in, Callback& callback) {
  auto const is_plain = [](char c) { return c > ' ' && c < 127; };
  callback.url = in.string("url");
  callback.token = in.string("token");
  callback.call_id = in.string("callId");
  callback.subagent_name = in.string("subagentName");
  if (callback.url.empty()) in.fail("url", "is missing: where the end is told to");
  if (callback.token.empty() || callback.token.size() > 4096 || !std::ranges::all_of(callback.token, is_plain))
    in.fail("token", "must be 1 to 4096 letters, digits and signs of ASCII, without blanks");
  for (auto const& [name, text] : {std::pair{"callId", &callback.call_id}, {"subagentName", &callback.subagent_name}})
    if (text->size() > 256 || !is_utf8(*text)) in.fail(name, "must be UTF-8 of at most 256 bytes");
}

json to_json(std::vector<PinnedSkill> const& skills) {
  json list = json::array();
  for (auto const& skill : skills)
    list.push_back({{"id", skill.id}, {"name", skill.name}, {"contentHash", skill.hash}});
  return list;
}

bool is_plain(std::string_view text) {
  return text.size() <= kMaxCall && is_utf8(text) &&
         std::ranges::none_of(text, [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

/// `parent` is an agent's name, or {sessionId?, turn?: {id?, sequence?}, callId?}. Leaves the name in `body`.
std::optional<Error> read_parent(json& body, AgentSpec& spec) {
  auto const it = body.find("parent");
  if (it == body.end() || !it->is_object()) return std::nullopt;
  FieldReader in(*it, "parent.");
  auto const id = in.string("sessionId");
  spec.call.call_id = in.string("callId");
  auto const asked = in.object("turn");
  FieldReader turn(asked, "parent.turn.");
  spec.call.turn_id = turn.string("id");
  spec.call.turn_sequence = turn.maybe_integer("sequence");
  if (spec.call.turn_sequence.value_or(0) < 0) turn.fail("sequence", "counts from 0");
  auto const fault = " has at most " + std::to_string(kMaxCall) + " bytes of UTF-8 without control characters";
  if (!is_plain(spec.call.call_id)) in.fail("callId", fault);
  if (!is_plain(spec.call.turn_id)) turn.fail("id", fault);
  if (auto error = in.finish()) return error;
  if (auto error = turn.finish()) return error;
  *it = id;
  return std::nullopt;
}

}  // namespace

Result<void> check_agent_id(std::string const& id) {
  // A dot would be rewritten by tmux in session names, and two agents could meet in one session.
  if (!is_safe_name(id) || id.find('.') != std::string::npos)
    return invalid("id",
                   "id \"" + id.substr(0, 80) +
                       "\" is not a usable name; use 1 to 64 of A-Z a-z 0-9 _ -, starting with a letter or digit");
  if (std::ranges::find(relay::kReservedNames, id) != relay::kReservedNames.end())
    return invalid("id", "id \"" + id + "\" means somebody else; choose another name");
  return {};
}

Result<AgentSpec> agent_spec_from(json const& asked_for, std::string const& default_provider,
                                  std::string const& default_cwd) {
  AgentSpec spec;
  auto body = asked_for;
  if (auto error = read_parent(body, spec)) return *error;
  FieldReader in(body);
  text_fields([&](char const* name, std::string& value) { value = in.string(name, value); }, spec);
  spec.prompt = std::string(trimmed(spec.prompt));
  spec.tags = in.strings("tags");
  spec.capabilities = in.strings("capabilities");
  spec.provider_args = in.strings("providerArgs");
  spec.output_dirs = in.strings("outputDirs");
  spec.skills_named = in.strings("skills");
  spec.environment = in.string_map("env");
  spec.options = in.object("options");
  spec.request_input = in.boolean("requestInput", true);
  if (auto table = in.object("agentProfile"); !table.empty()) spec.profile_table = std::move(table);
  auto const asked = in.object("workspace");
  FieldReader workspace(asked, "workspace.");
  spec.workspace.branch = workspace.string("branch");
  spec.workspace.requested_mode = workspace.string("mode", workspace.string("requestedMode"));
  auto const called = in.object("callback");
  FieldReader callback(called, "callback.");
  if (!called.empty()) read_callback(callback, spec.callback);
  spec.deadline_ms = in.integer("deadlineMs", 0, 0, std::int64_t{1000} * 86'400 * 365);
  spec.idle_ttl_ms = in.integer("idleTtlMs", 0, 0, std::int64_t{1000} * 86'400 * 365);
  spec.detached = in.boolean("detached");
  spec.report_end = in.boolean("reportEnd", !spec.call.call_id.empty());
  auto const granted = in.object("children");
  FieldReader children(granted, "children.");
  spec.children = children_grant_from(children);
  auto const limits = resource_limits_from(in.object("resources"), "resources.");
  if (limits) spec.resources = *limits;
  if (spec.provider.empty()) spec.provider = default_provider;
  if (spec.cwd.empty()) spec.cwd = default_cwd;
  if (spec.cwd.empty()) in.fail("cwd", "is missing; name the directory to work in");
  auto const named = spec.id.empty() ? Result<void>() : check_agent_id(spec.id);
  for (auto const& [name, words] : {std::pair{"tags", &spec.tags}, {"capabilities", &spec.capabilities}})
    for (auto const& word : *words)
      if (word.empty() || word.size() > 128) in.fail(name, "must be 1 to 128 characters each");
  if (spec.label.size() > 128) in.fail("label", "is longer than 128 characters");
  if (spec.prompt.size() > kMaxText)
    in.fail("prompt", "is larger than 256 KiB; send it as a message with an attachment");
  if (spec.system_prompt_append.size() > kMaxText) in.fail("systemPromptAppend", "is larger than 256 KiB");
  auto const check_text = [&](char const* name, std::string const& text) {
    if (!is_utf8(text) || text.find('\0') != std::string::npos) in.fail(name, "must be UTF-8 without NUL");
  };
  auto const check_field = [&](std::string_view name, std::string const& text) {
    check_text(name.data(), text);
    bool const is_prompt = name == "prompt" || name == "systemPromptAppend";
    auto const most = name == "cwd" ? kMaxPath : kMaxWord;
    if (!is_prompt && text.size() > most) in.fail(name.data(), "is longer than " + std::to_string(most) + " bytes");
  };
  text_fields(check_field, spec);
  for (auto const& word : spec.provider_args) check_text("providerArgs", word);
  if (spec.skills_named.size() > kMostSkills) in.fail("skills", "are more than 100");
  for (auto const& name : spec.skills_named) {
    check_text("skills", name);
    if (name.empty() || (name.find('/') != std::string::npos && !fs::path(name).is_absolute()))
      in.fail("skills", "must be names, ids, or folders from / on");
  }
  check_text("workspace.branch", spec.workspace.branch);
  if (auto const problem = output_dirs_problem(spec.output_dirs); !problem.empty()) in.fail("outputDirs", problem);
  if (!spec.cwd.empty() && !fs::path(spec.cwd).is_absolute())
    in.fail("cwd", "is relative, and the daemon does not know to what; name it from / on");
  for (auto const& [name, value] : spec.environment)
    if (name.empty() || name.find('=') != std::string::npos || (name + value).find('\0') != std::string::npos)
      in.fail("env", "has a name that is empty or holds '=', or a NUL");
  if (auto error = in.finish()) return *error;
  if (!named) return named.error();
  if (!limits) return limits.error();
  if (auto error = workspace.finish()) return *error;
  if (auto error = callback.finish()) return *error;
  if (auto error = children.finish()) return *error;
  // What a profile says counts only where the request says nothing.
  if (!body.contains("approvalMode") || body["approvalMode"].is_null()) spec.approval_mode.clear();

  if (auto usable = check_directory(spec.cwd); !usable) return invalid("cwd", usable.error().message);
  std::error_code ec;
  auto const cwd = fs::canonical(spec.cwd, ec);
  if (ec) return invalid("cwd", "the directory " + spec.cwd + " cannot be reached: " + ec.message());
  auto const asked_cwd = normal_dir(spec.cwd);
  spec.cwd = cwd.string();
  for (auto& dir : spec.output_dirs) dir = moved_dir(normal_dir(dir), asked_cwd, spec.cwd);
  return spec;
}

json to_journal(AgentSpec const& spec) {
  json stored = json::object();
  text_fields([&](char const* name, std::string const& value) { stored[name] = value; }, spec);
  stored["tags"] = spec.tags;
  stored["capabilities"] = spec.capabilities;
  stored["providerArgs"] = spec.provider_args;
  stored["outputDirs"] = spec.output_dirs;
  stored["env"] = spec.environment;
  stored["options"] = spec.options;
  stored["requestInput"] = spec.request_input;
  stored["idleTtlMs"] = spec.idle_ttl_ms;
  stored["deadlineMs"] = spec.deadline_ms;
  if (spec.agent_profile) stored["agentProfile"] = adapters::to_json(*spec.agent_profile);
  stored["workspace"] = to_json(spec.workspace);
  if (!spec.skills.empty()) stored["skills"] = to_json(spec.skills);
  if (!spec.root.empty()) stored["root"] = spec.root;
  if (auto const& callback = spec.callback; !callback.url.empty())
    stored["callback"] = {{"url", callback.url},
                          {"token", callback.token},
                          {"callId", callback.call_id},
                          {"subagentName", callback.subagent_name}};
  stored["call"] = {{"turnId", spec.call.turn_id}, {"callId", spec.call.call_id}};
  if (spec.call.turn_sequence) stored["call"]["turnSequence"] = *spec.call.turn_sequence;
  stored["user"] = spec.user;
  stored["initiator"] = spec.initiator;
  if (spec.named_by_agent) stored["namedByAgent"] = true;
  stored["detached"] = spec.detached;
  stored["reportEnd"] = spec.report_end;
  stored["children"] = to_json(spec.children);
  stored["resources"] = to_json(spec.resources);
  return stored;
}

AgentSpec spec_from_journal(json const& stored) {
  AgentSpec spec;
  text_fields([&](char const* name, std::string& value) { value = stored.value(name, value); }, spec);
  spec.tags = stored.value("tags", spec.tags);
  spec.capabilities = stored.value("capabilities", spec.capabilities);
  spec.provider_args = stored.value("providerArgs", spec.provider_args);
  spec.output_dirs = stored.value("outputDirs", spec.output_dirs);
  spec.environment = stored.value("env", spec.environment);
  spec.options = stored.value("options", json::object());
  spec.request_input = stored.value("requestInput", true);
  spec.deadline_ms = stored.value("deadlineMs", std::int64_t{0});
  spec.idle_ttl_ms = stored.value("idleTtlMs", std::int64_t{0});
  if (stored.contains("agentProfile")) {
    auto profile = adapters::profile_from(stored["agentProfile"], spec.profile, "");
    // One that cannot be read any more must not let the host's configuration in.
    spec.agent_profile = std::make_shared<adapters::Profile>(profile ? std::move(*profile) : adapters::Profile());
  }
  for (auto const& skill : stored.value("skills", json::array()))
    spec.skills.push_back({skill.value("id", ""), skill.value("name", ""), skill.value("contentHash", "")});
  spec.root = stored.value("root", "");
  if (auto const& callback = object_at(stored, "callback"); !callback.empty())
    spec.callback = {text_at(callback, "url"), text_at(callback, "token"), text_at(callback, "callId"),
                     text_at(callback, "subagentName")};
  auto const call = stored.value("call", json::object());
  spec.call.turn_id = call.value("turnId", "");
  spec.call.call_id = call.value("callId", "");
  if (call.contains("turnSequence")) spec.call.turn_sequence = call["turnSequence"].get<std::int64_t>();
  spec.user = stored.value("user", spec.user);
  spec.initiator = stored.value("initiator", spec.initiator);
  spec.named_by_agent = stored.value("namedByAgent", false);
  spec.detached = stored.value("detached", false);
  spec.report_end = stored.value("reportEnd", false);
  auto const granted = stored.value("children", json::object());
  FieldReader children(granted);
  spec.children = children_grant_from(children);
  if (auto const limits = resource_limits_from(object_at(stored, "resources"), "")) spec.resources = *limits;
  spec.workspace = workspace_from(stored.value("workspace", json()));
  return spec;
}

json child_json(AgentSpec const& spec) {
  json shown = {{"child", spec.id}, {"name", name_of(spec)}};
  if (!spec.call.call_id.empty()) shown["callId"] = spec.call.call_id;
  return shown;
}

json parent_json(AgentSpec const& spec) {
  if (spec.parent.empty()) return nullptr;
  auto const some = [](auto const& value, bool there) { return there ? json(value) : json(nullptr); };
  auto const& call = spec.call;
  json turn = nullptr;
  if (!call.turn_id.empty() || call.turn_sequence)
    turn = {{"id", some(call.turn_id, !call.turn_id.empty())},
            {"sequence", some(call.turn_sequence.value_or(0), call.turn_sequence.has_value())}};
  return {{"sessionId", spec.parent}, {"turn", std::move(turn)}, {"callId", some(call.call_id, !call.call_id.empty())}};
}

json principal_json(std::string const& user) {
  return {{"kind", user == "operator" ? "operator" : "agent"}, {"name", user}};
}

json to_public(AgentSpec const& spec) {
  json shown = {{"id", spec.id},       {"provider", spec.provider}, {"cwd", spec.cwd},
                {"model", spec.model}, {"effort", spec.effort},     {"approvalMode", spec.approval_mode},
                {"label", spec.label}, {"tags", spec.tags},         {"capabilities", spec.capabilities}};
  if (!spec.parent.empty()) shown["parent"] = spec.parent;
  shown["rootSessionId"] = spec.root.empty() ? spec.id : spec.root;
  shown["user"] = spec.user;
  shown["initiator"] = principal_json(spec.initiator);
  if (spec.detached) shown["detached"] = true;
  if (spec.report_end) shown["reportEnd"] = true;
  if (spec.children.spawn) shown["children"] = to_json(spec.children);
  if (!spec.profile.empty()) shown["profile"] = spec.profile;
  if (!spec.request_input) shown["requestInput"] = false;
  if (spec.agent_profile) shown["agentProfile"] = adapters::summary_of(*spec.agent_profile);
  if (!spec.skills.empty()) shown["skills"] = to_json(spec.skills);
  if (spec.workspace.is_worktree()) shown["workspace"] = to_json(spec.workspace);
  if (spec.idle_ttl_ms > 0) shown["idleTtlMs"] = spec.idle_ttl_ms;
  if (spec.deadline_ms > 0) shown["deadlineMs"] = spec.deadline_ms;
  if (!spec.output_dirs.empty()) shown["outputDirs"] = spec.output_dirs;
  return shown;
}

json to_json(AgentRecord const& r) {
  json exits = json::array();
  for (auto const exit : r.exits) exits.push_back(to_millis(exit));
  return {{"providerSession", r.provider_session},
          {"sessionId", r.session_id},
          {"transcript", r.transcript},
          {"earlierTranscript", r.earlier_transcript},
          {"model", r.model},
          {"tmuxSession", r.tmux_session},
          {"mark", r.mark},
          {"placement", to_json(r.placement)},
          {"processTokenHash", r.process_token_hash},
          {"pid", r.pid},
          {"restarts", r.restarts},
          {"turns", r.turns},
          {"reason", r.reason},
          {"lastExit", r.last_exit},
          {"lastLines", r.last_lines},
          {"promptGiven", r.prompt_given},
          {"hold", r.hold},
          {"account", r.account},
          {"exits", std::move(exits)},
          {"captureDue", r.capture_due},
          {"activeMs", r.active_ms},
          {"lastTurnMs", r.last_turn_ms},
          {"lastTurn", r.last_turn},
          {"deadlineOver", r.deadline_over},
          {"deadlineKept", r.deadline_kept},
          {"calledBack", r.called_back},
          {"result", r.result},
          {"usage", r.usage.stored()},
          {"idleAt", to_millis(r.idle_at)},
          {"createdAt", to_millis(r.created_at)},
          {"since", to_millis(r.since)},
          {"startedAt", to_millis(r.started_at)}};
}

AgentRecord agent_record_from(json const& s) {
  AgentRecord r;
  r.provider_session = s.value("providerSession", "");
  r.session_id = s.value("sessionId", "");
  r.transcript = s.value("transcript", "");
  r.earlier_transcript = s.value("earlierTranscript", "");
  r.model = s.value("model", "");
  r.tmux_session = s.value("tmuxSession", "");
  r.mark = s.value("mark", ProcessMark{0});
  r.placement = placement_from(s.value("placement", json()));
  r.process_token_hash = s.value("processTokenHash", "");
  r.pid = s.value("pid", std::int64_t{0});
  r.restarts = s.value("restarts", std::int64_t{0});
  r.turns = s.value("turns", std::int64_t{0});
  r.reason = s.value("reason", "");
  r.last_exit = s.value("lastExit", "");
  r.last_lines = s.value("lastLines", std::vector<std::string>());
  r.prompt_given = s.value("promptGiven", false);
  r.hold = s.value("hold", json());
  r.account = s.value("account", "");
  for (auto const& exit : s.value("exits", json::array())) r.exits.push_back(from_millis(exit.get<std::int64_t>()));
  r.capture_due = s.value("captureDue", false);
  r.active_ms = s.value("activeMs", std::int64_t{0});
  r.last_turn_ms = s.value("lastTurnMs", std::int64_t{0});
  r.last_turn = s.value("lastTurn", "");
  r.deadline_over = s.value("deadlineOver", false);
  r.deadline_kept = s.value("deadlineKept", r.deadline_over);  // an earlier version did not tell them apart
  r.called_back = s.value("calledBack", false);
  r.result = s.value("result", "");
  r.usage = UsageAccount::from_stored(s.value("usage", json()));
  r.idle_at = from_millis(s.value("idleAt", std::int64_t{0}));
  r.created_at = from_millis(s.value("createdAt", std::int64_t{0}));
  r.since = from_millis(s.value("since", std::int64_t{0}));
  r.started_at = from_millis(s.value("startedAt", std::int64_t{0}));
  return r;
}

}  // namespace ar::daemon
