// The way to the thread: connect, say who we are, start or resume it, and find out where it stands.
#include "adapters/codex/profile.hpp"
#include "adapters/codex/protocol.hpp"
#include "adapters/codex/session.hpp"
#include "adapters/codex/tool_use.hpp"
#include "adapters/relay_note.hpp"
#include "adapters/relay_tools.hpp"
#include "base/paths.hpp"
#include "base/version.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::adapters::codex {
namespace {

using std::chrono::seconds;
constexpr auto kFirstPause = milliseconds(20);
/// While the server starts it is soon there; afterwards whatever keeps us from it is worth more patience.
constexpr auto kLongestPauseAtStart = milliseconds(250);
constexpr auto kLongestPause = seconds(5);
constexpr auto kStartPatience = seconds(20);

}  // namespace

awaitable<void> CodexSession::run() {
  auto const begun = Clock::now();
  Clock::duration pause = kFirstPause;
  while (!ended_) {
    // `this` outlives the connection: stop() ends both.
    Connection::OnFrame on_frame = [this](json const& frame) { this->on_frame(frame); };
    auto opened = co_await Connection::open(ctx_.executor, files_.socket, std::move(on_frame));
    if (opened) {
      connection_ = *opened;
      connected_at_ = Clock::now();
      auto attached = co_await attach();
      if (attached) {
        set_problem({});
        pause = kFirstPause;
        announce_gate();
        auto const connection = connection_;
        co_await connection->closed();
        spdlog::info("agent {}: {}", ctx_.request.agent_id, connection->why_closed());
      } else if (attached.error().code != "connection_lost") {
        set_problem(attached.error().message);
      }
      auto const connection = connection_;
      connection_lost();
      co_await connection->stop();
    } else if (!ready_ && Clock::now() - begun > kStartPatience) {
      set_problem("Codex's app server does not start (" + opened.error().message + "); see " + files_.log.string());
    }
    auto const longest =
        ready_ || !problem_.empty() ? Clock::duration(kLongestPause) : Clock::duration(kLongestPauseAtStart);
    auto const slept = co_await sleep_for(pause);
    if (!slept) co_return;
    pause = std::min(pause * 2, longest);
  }
}

void CodexSession::connection_lost() {
  connection_.reset();
  did_nothing_ = false;  // what the turn does from here on is not seen
  // Open requests are sent again by a server that lives, and void with one that does not.
  asks_.clear();
  flag_.clear();
  forget_others();
  tell_waiting();
  announce_gate();
}

/// The server has unloaded the thread: a new attachment resumes it.
void CodexSession::attach_again() {
  auto const end = [](std::shared_ptr<Connection> connection) -> awaitable<void> { co_await connection->stop(); };
  if (connection_) tasks_.spawn_vital("attach again", end(connection_), ctx_.on_death);
}

awaitable<Result<void>> CodexSession::attach() {
  auto greeted = co_await greet();
  if (!greeted) co_return greeted.error();
  auto logged_in = co_await check_login();
  if (!logged_in) co_return logged_in.error();
  co_await offer_skills();
  // The daemon may have died between the beginning of a thread and its note of it.
  if (thread_.empty() && ctx_.adopted)
    if (auto const shown = read_file(files_.thread, 4096)) thread_ = shown->substr(0, shown->find('\n'));
  Result<void> there;
  if (!thread_.empty())
    there = co_await resume_thread();
  else
    there = co_await start_thread(false);
  co_return there;
}

awaitable<Result<void>> CodexSession::greet() {
  json params{{"clientInfo", {{"name", "agent-runner"}, {"title", "agent-runner"}, {"version", kVersion}}},
              {"capabilities", {{"experimentalApi", true}}}};
  config_fault_.clear();
  config_ignored_ = false;
  auto greeted = co_await connection_->call("initialize", std::move(params));
  if (!greeted) co_return greeted.error();
  auto const version = version_of(text_at(*greeted, {"userAgent"}));
  row_ = &row_for(version);
  connection_->notify("initialized");
  co_return Result<void>();
}

awaitable<Result<void>> CodexSession::check_login() {
  json params = json::object();
  auto const account = co_await connection_->call("account/read", std::move(params));
  if (!account) {
    if (account.error().code == "codex_error") co_return Result<void>();  // it knows no accounts: nothing to check
    co_return account.error();
  }
  bool const needed = truth_at(*account, "requiresOpenaiAuth");
  bool const there = account->is_object() && account->contains("account") && !(*account)["account"].is_null();
  if (!config_fault_.empty() && (config_ignored_ || (needed && !there)))
    co_return conflict("bad_config", "Codex cannot read its configuration (" + config_fault_ +
                                         ") and goes on without " + "it; correct it, then `agent-runner restart " +
                                         ctx_.request.agent_id + "`");
  if (needed && !there)
    co_return conflict("not_logged_in", "Codex is not logged in: run `CODEX_HOME=" + home_.string() +
                                            " codex login`, then `agent-runner restart " + ctx_.request.agent_id + "`");
  co_return Result<void>();
}

awaitable<void> CodexSession::offer_skills() {
  json roots{{"extraRoots", project(ctx_.request, options_).skill_roots}};
  auto const set = co_await connection_->call("skills/extraRoots/set", std::move(roots));
  if (!set) spdlog::warn("agent {}: its skills cannot be offered: {}", ctx_.request.agent_id, set.error().message);
  json where{{"cwds", json::array({ctx_.request.cwd.string()})}};
  auto const listed = co_await connection_->call("skills/list", std::move(where));
  if (!listed || !listed->is_object()) co_return;
  skills_.clear();
  for (auto const& folder : listed->value("data", json::array()))
    if (folder.is_object())
      for (auto const& skill : folder.value("skills", json::array()))
        if (auto name = text_at(skill, {"name"}); !name.empty()) skills_.push_back(std::move(name));
}

/// What a thread of this agent is started and resumed with.
awaitable<Result<json>> CodexSession::thread_params() {
  auto const connection = connection_;
  auto const& request = ctx_.request;
  json params{{"cwd", request.cwd.string()}};
  if (!request.model.empty()) params["model"] = request.model;
  auto const allowed = permission(request.approval_mode).value_or(Permission());
  if (!allowed.approval.empty()) {
    params["approvalPolicy"] = allowed.approval;
    params["sandbox"] = allowed.sandbox;
  }
  if (auto told = added_instructions(request, cli_command(request), has_relay_tools(request, options_.relay_tools));
      !told.empty())
    params["developerInstructions"] = std::move(told);
  if (request.profile && !request.profile->system.empty()) params["baseInstructions"] = request.profile->system;
  json config = project(request, options_).thread_config;
  if (!request.effort.empty()) config["model_reasoning_effort"] = request.effort;
  if (options_.request_retries || options_.stream_retries) {
    json where{{"cwd", request.cwd.string()}};
    auto const read = co_await connection->call("config/read", std::move(where));
    if (!read) co_return read.error();
    auto const provider = text_at(*read, {"config", "model_provider"});
    auto const& known = object_at(object_at(*read, "config"), "model_providers");
    // Codex's built-in providers cannot be changed; those that the operator has defined can.
    if (!provider.empty() && known.contains(provider)) {
      auto const key = "model_providers." + provider + ".";
      if (options_.request_retries) config[key + "request_max_retries"] = *options_.request_retries;
      if (options_.stream_retries) config[key + "stream_max_retries"] = *options_.stream_retries;
    }
  }
  if (auto trusted = co_await trust_tool_hooks(connection, config); !trusted) co_return trusted.error();
  if (!config.empty()) params["config"] = std::move(config);
  co_return ok(std::move(params));
}

awaitable<Result<void>> CodexSession::trust_tool_hooks(std::shared_ptr<Connection> connection, json& config) {
  if (!options_.tool_hooks) co_return Result<void>();
  auto const& profile = ctx_.request.profile;
  json where{{"cwds", json::array({ctx_.request.cwd.string()})}};
  auto const listed = co_await connection->call("hooks/list", std::move(where));
  if (!listed) co_return listed.error();
  auto states = tool_hook_trust(ctx_.request, *listed, profile && profile->hooks == Reach::none);
  auto const trusted = std::ranges::count_if(states, [](json const& state) { return state.contains("trusted_hash"); });
  if (std::cmp_less(trusted, tool_hook_overrides(ctx_.request).size()))
    co_return conflict("bad_config",
                       "Codex does not run agent-runner's hooks, by which tool hooks are asked; see features.hooks and "
                       "its managed settings, or set providers.codex.tool_hooks = false");
  config["hooks.state"] = std::move(states);
  co_return Result<void>();
}

awaitable<Result<void>> CodexSession::start_thread(bool clear) {
  auto const connection = connection_;  // `clear` runs beside run(), which may lose it
  auto params = co_await thread_params();
  if (!params) co_return params.error();
  if (clear) (*params)["sessionStartSource"] = "clear";
  starting_thread_ = true;
  auto started = co_await connection->call("thread/start", std::move(*params));
  starting_thread_ = false;
  if (!started) co_return started.error();
  auto const thread = text_at(*started, {"thread", "id"});
  if (thread.empty()) co_return internal("codex_protocol", "Codex began a thread without an id");
  // Its name makes the record exist, so that others can attach, and keeps the screen from asking the model
  // for one.
  auto const& request = ctx_.request;
  json name{{"threadId", thread},
            {"name", request.label.empty() ? request.agent_id : request.agent_id + ": " + request.label}};
  auto const named = co_await connection->call("thread/name/set", std::move(name));
  if (!named) co_return named.error();
  auto const old = std::exchange(thread_, thread);
  auto const record = text_at(*started, {"thread", "path"});
  record_.emplace(record);
  model_ = text_at(*started, {"model"});
  show_thread();
  if (ready_) {
    emit(SessionChanged{thread_, record});
    json leave{{"threadId", old}};
    if (!old.empty()) (void)co_await connection->call("thread/unsubscribe", std::move(leave));
  } else {
    ready_ = true;
    emit(Ready{thread_, record, model_});
  }
  co_return Result<void>();
}

awaitable<Result<void>> CodexSession::resume_thread() {
  json params{{"threadId", thread_}, {"excludeTurns", true}};
  // A thread that runs on keeps what it was given; a new process is told again.
  if (!ready_ && !ctx_.adopted) {
    auto full = co_await thread_params();
    if (!full) co_return full.error();
    params.update(*full);
  }
  auto const resumed = co_await connection_->call("thread/resume", std::move(params));
  if (!resumed) {
    auto const& why = resumed.error().message;
    if (resumed.error().code == "codex_error" && why.find(row_->no_record) != std::string::npos) {
      // Nothing to go on with. Whatever was handed to it is in no record.
      emit(Noted{"session.lost", json{{"thread", thread_}, {"reason", why}}});
      thread_.clear();
      record_.reset();
      turn_.clear();
      auto started = co_await start_thread(false);
      co_return started;
    }
    if (resumed.error().code == "codex_error" && why.find(row_->locked) != std::string::npos)
      co_return conflict("thread_locked", "another Codex process has this agent's thread " + thread_ +
                                              " open; end that one (a `codex resume` without --remote?)");
    co_return resumed.error();
  }
  auto const record = text_at(*resumed, {"thread", "path"});
  if (!record.empty() && (!record_ || record_->file() != record)) record_.emplace(record);
  model_ = text_at(*resumed, {"model"});
  show_thread();
  auto const caught_up = co_await catch_up(object_at(*resumed, "thread"));
  if (!caught_up) co_return caught_up.error();
  if (!std::exchange(ready_, true)) emit(Ready{thread_, record, model_, !turn_.empty()});
  if (flag_.empty()) flags_cleared();
  tell_waiting();
  tasks_.spawn("subagents", find_subagents());
  co_return Result<void>();
}

/// What has become of the turn while nobody listened.
awaitable<Result<void>> CodexSession::catch_up(json const& thread) {
  auto const status = thread_status(object_at(thread, "status"));
  flag_ = status.waits_for_approval ? "an approval" : status.waits_for_input ? "an answer" : "";
  json params{{"threadId", thread_}, {"limit", 20}, {"itemsView", "summary"}};
  auto const listed = co_await connection_->call("thread/turns/list", std::move(params));
  if (!listed && listed.error().code != "codex_error") co_return listed.error();  // the next connection will tell
  auto const turns = listed && listed->is_object() ? listed->value("data", json::array()) : json::array();
  auto const before = turn_;
  std::string running;
  for (auto const& turn : turns) {
    auto const id = text_at(turn, {"id"});
    if (text_at(turn, {"status"}) == "inProgress" && status.active && running.empty()) running = id;
    if (id != before || before.empty()) continue;
    if (auto end = turn_end(turn, last_text_)) turn_ended(id, std::move(*end));
  }
  if (!turn_.empty() && turn_ != running) {
    TurnEnded end;
    end.outcome = TurnEnded::Outcome::unseen;
    end.error = "the turn ended while the connection to Codex was lost";
    turn_ended(turn_, std::move(end));
  }
  if (!running.empty() && running != turn_) {
    turn_ = running;
    if (ready_) emit(TurnStarted{});  // else Ready tells
  }
  co_return Result<void>();
}

/// Tells the process in the terminal which thread people are to see; `again`: also when it shows that one
/// already.
void CodexSession::show_thread(bool again) {
  ctx_.files.post([file = files_.thread, agent = ctx_.request.agent_id, wanted = thread_ + "\n", again] {
    auto const shown = read_file(file, 4096);
    if (!again && shown && *shown == wanted) return;
    if (auto written = write_file(file, wanted); !written) spdlog::warn("agent {}: {}", agent, written.error().message);
  });
}

}  // namespace ar::adapters::codex
