#include "daemon/agent/agent_provider.hpp"

#include "adapters/registry.hpp"
#include "base/ids.hpp"
#include "daemon/config/launch_environment.hpp"
#include "daemon/store/message_files.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace ar::daemon {
namespace {

/// The agent works without it.
Result<void> write_info(std::string const& agent, std::filesystem::path const& file, std::string const& text) {
  auto written = write_file(file, text);
  if (!written) spdlog::warn("agent {}: its info file is not written: {}", agent, written.error().message);
  return written;
}

}  // namespace

AgentProvider::AgentProvider(Services& services, std::shared_ptr<adapters::Adapter const> adapter,
                             AgentSpec const& spec, AgentRecord const& record, AgentToken const& token)
    : services_(services),
      adapter_(std::move(adapter)),
      spec_(spec),
      record_(record),
      token_(token),
      files_(services.files),
      launches_(services.launches) {}

adapters::LaunchRequest AgentProvider::request() const {
  adapters::LaunchRequest request;
  request.agent_id = spec_.id;
  request.cwd = spec_.cwd;
  request.model = spec_.model;
  request.effort = spec_.effort;
  request.approval_mode = spec_.approval_mode;
  request.label = spec_.label;
  request.request_input = spec_.request_input;
  request.system_prompt_append = spec_.system_prompt_append;
  request.provider_args = spec_.provider_args;
  request.profile = spec_.agent_profile;
  request.options = adapters::provider_table(services_.config.providers, spec_.provider);
  request.options.update(spec_.options);
  request.agent_dir = agent_dir();
  request.hook_client = services_.bin_dir / "agent-runner-hook";
  request.plugin_dir = services_.share_dir / "plugins" / spec_.provider;
  request.resume_session = record_.session_id;

  LaunchFacts facts{spec_.id, spec_.id, record_.provider_session, "", spec_.approval_mode};
  facts.workspace_mode = spec_.workspace.mode;
  facts.token = token_.token;
  facts.token_jti = token_.jti;
  facts.token_profile = token_.profile;
  if (token_.expires_at) facts.token_expires_at = std::to_string(to_millis(*token_.expires_at) / 1000);
  facts.tcp_port = services_.tcp_port();
  // Another bus does not know the agent's token, which is this daemon's.
  auto const port = services_.relay_port() > 0 ? services_.relay_port() : facts.tcp_port;
  facts.relay_url = port > 0 ? "http://127.0.0.1:" + std::to_string(port) : "";
  facts.control_socket = services_.paths.agents_socket();
  facts.info_file = request.agent_dir / "runner.json";
  facts.bin_dir = services_.bin_dir;
  auto extra = spec_.environment;
  if (auto const it = request.options.find("env"); it != request.options.end() && it->is_object())
    for (auto const& [name, value] : it->items())
      if (value.is_string()) extra.try_emplace(name, value.get<std::string>());
  request.environment = launch_environment(own_environment(), services_.config.pass_environment, facts, extra);
  return request;
}

json AgentProvider::option(char const* name) const {
  if (auto const own = spec_.options.find(name); own != spec_.options.end()) return *own;
  auto const table = adapters::provider_table(services_.config.providers, spec_.provider);
  auto const value = table.find(name);
  return value == table.end() ? json() : *value;
}

adapters::ProjectionReport const& AgentProvider::projection() const {
  if (!projection_) projection_ = adapter_->projection(request());
  return *projection_;
}

// ---- its start ----

awaitable<Result<void>> AgentProvider::check() const {
  if (auto made = make_folders(); !made) co_return made.error();
  auto asked = request();
  asked.new_session_id = new_uuid();
  if (auto const& profile = spec_.agent_profile; profile && profile->strict)
    if (auto const why = projection().first_impossible(); !why.empty())
      co_return invalid("agentProfile", "the profile " + profile->name + " is strict, and " + spec_.provider +
                                            " cannot be made to comply with it: " + why);
  auto const plan = co_await prepare(std::move(asked));
  if (!plan) co_return plan.error();
  co_return Result<void>();
}

awaitable<adapters::Account> AgentProvider::account(std::string salt) const {
  auto job = [adapter = adapter_, request = request(), salt = std::move(salt)] {
    return adapter->account(request, salt);
  };
  co_return co_await files_.run(std::move(job));
}

Result<void> AgentProvider::make_folders() const {
  if (auto made = make_private_dir(services_.paths.state_dir / "agents"); !made) return made.error();
  if (auto made = make_private_dir(agent_dir()); !made) return made.error();
  return make_private_dir(message_files_dir(services_.paths, spec_.id));
}

awaitable<Result<adapters::LaunchPlan>> AgentProvider::prepare(adapters::LaunchRequest request) const {
  auto job = [adapter = adapter_, request = std::move(request)] { return adapter->prepare(request); };
  co_return co_await launches_.run(std::move(job));
}

awaitable<void> AgentProvider::write_info_file() const {
  auto job = [agent = spec_.id, file = agent_dir() / "runner.json", text = info_text()] {
    return write_info(agent, file, text);
  };
  (void)co_await files_.run(std::move(job));
}

void AgentProvider::update_info_file() const {
  files_.post([agent = spec_.id, file = agent_dir() / "runner.json", text = info_text()] {
    (void)write_info(agent, file, text);
  });
}

std::string AgentProvider::info_text() const {
  auto const port = services_.tcp_port();
  json const info = {{"agentId", spec_.id},
                     {"runnerId", spec_.id},
                     {"provider", spec_.provider},
                     {"controlUrl", port > 0 ? json("http://127.0.0.1:" + std::to_string(port)) : json()},
                     {"controlSocket", services_.paths.agents_socket().string()},
                     {"pid", record_.pid},
                     {"tmuxSession", record_.tmux_session},
                     {"tmuxSocket", services_.paths.tmux_socket().string()},
                     {"startedAt", to_iso8601(record_.started_at)}};
  return info.dump(2) + "\n";
}

// ---- its files ----

awaitable<adapters::RecordedOutcome> AgentProvider::look_up_outcome(adapters::Prompt prompt) const {
  auto job = [adapter = adapter_, request = request(), prompt = std::move(prompt), newest = record_.transcript,
              earlier = record_.earlier_transcript] {
    auto const says = adapter->look_up_outcome(request, newest, prompt);
    if (says != adapters::RecordedOutcome::absent || earlier.empty()) return says;
    return adapter->look_up_outcome(request, earlier, prompt);
  };
  co_return co_await files_.run(std::move(job));
}

awaitable<std::optional<adapters::TurnEnded>> AgentProvider::turn_end(std::vector<std::string> correlation_ids) const {
  using End = std::optional<adapters::TurnEnded>;
  if (correlation_ids.empty()) co_return std::nullopt;
  auto job = [adapter = adapter_, request = request(), correlation_ids = std::move(correlation_ids),
              newest = record_.transcript, earlier = record_.earlier_transcript]() -> Result<End> {
    auto end = adapter->turn_end(request, newest, correlation_ids);
    if (!end && !earlier.empty()) end = adapter->turn_end(request, earlier, correlation_ids);
    return end;
  };
  auto end = co_await files_.run(std::move(job));
  co_return end ? std::move(*end) : std::nullopt;
}

awaitable<Result<adapters::TranscriptPage>> AgentProvider::transcript(std::int64_t cursor, std::size_t limit) const {
  auto parse = adapter_->transcript_parser();
  if (!parse)
    co_return conflict("unsupported", "agents of the provider " + spec_.provider +
                                          " keep no record of their conversation; `agent-runner screen " + spec_.id +
                                          "` shows what stands on their screen");
  auto job = [file = record_.transcript, cursor, limit,
              parse = std::move(parse)]() -> Result<adapters::TranscriptPage> {
    return adapters::read_transcript(file, cursor, limit, parse);
  };
  co_return co_await files_.run(std::move(job));
}

awaitable<std::optional<adapters::RecordLine>> AgentProvider::accepting_line(std::string correlation_id) const {
  using Line = std::optional<adapters::RecordLine>;
  auto job = [adapter = adapter_, request = request(), correlation_id = std::move(correlation_id),
              newest = record_.transcript, earlier = record_.earlier_transcript]() -> Result<Line> {
    auto line = adapter->accepting_line(request, newest, correlation_id);
    if (!line && !earlier.empty()) line = adapter->accepting_line(request, earlier, correlation_id);
    return line;
  };
  auto line = co_await files_.run(std::move(job));
  co_return line ? std::move(*line) : std::nullopt;
}

awaitable<bool> AgentProvider::can_resume() const {
  auto job = [adapter = adapter_, request = request(), id = record_.session_id] {
    return !id.empty() && adapter->can_resume(request, id);
  };
  co_return co_await launches_.run(std::move(job));
}

awaitable<std::string> AgentProvider::exit_diagnostic(adapters::LaunchRequest request) const {
  auto job = [adapter = adapter_, request = std::move(request)]() -> std::string {
    try {
      return adapter->exit_diagnostic(request);
    } catch (std::exception const&) {  // a file that cannot be read
      return {};
    }
  };
  co_return co_await files_.run(std::move(job));
}

}  // namespace ar::daemon
