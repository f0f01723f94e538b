#include "e2e/claude_lab.hpp"

#include "adapters/claude/launch.hpp"
#include "adapters/claude/live_state.hpp"
#include "base/ids.hpp"
#include "base/paths.hpp"
#include "base/process/spawn.hpp"
#include "e2e/offline.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <sys/wait.h>
#include <unistd.h>

namespace ar::test {

using namespace ar::adapters;
using namespace ar::terminal;
namespace fs = std::filesystem;

namespace {
constexpr char const* kKey = "sk-stub-000000000000000000000001";
}

ClaudeLab::ClaudeLab()
    : claude_(claude_offline()),
      adapter_(make_claude_adapter()),
      tasks_(io.get_executor(), "lab"),
      changed_(io.get_executor()) {}

ClaudeLab::~ClaudeLab() {
  if (host_) run_tmux({"kill-server"});  // a test that failed on its way
}

/// Runs a tmux command on our server to its end; its exit status.
int ClaudeLab::run_tmux(std::vector<std::string> words) {
  SpawnSpec spec;
  spec.executable = *find_executable("tmux", "/usr/local/bin:/usr/bin:/bin");
  spec.arguments = {"-S", (dir.path() / "t" / "tmux.sock").string()};
  spec.arguments.insert(spec.arguments.end(), words.begin(), words.end());
  spec.environment = {"PATH=/usr/bin:/bin"};
  auto process = spawn(io.get_executor(), spec);
  int status = -1;
  if (process) {
    ::waitpid(process->id(), &status, 0);
    process->detach();
  }
  return status;
}

awaitable<void> ClaudeLab::open() {
  home_ = dir.path() / "home";
  socket_ = dir.path() / "control.sock";
  request.cwd = dir.path() / "project";
  request.agent_dir = dir.path() / "agent";
  for (auto const& folder : {home_ / ".claude", request.cwd, request.agent_dir}) fs::create_directories(folder);

  // What a person answers once, on their own machine.
  json config{{"hasCompletedOnboarding", true}};
  config["customApiKeyResponses"]["approved"] = json::array({std::string(kKey).substr(std::string(kKey).size() - 20)});
  if (subscription) {
    config["oauthAccount"] = {{"accountUuid", new_uuid()},
                              {"organizationUuid", new_uuid()},
                              {"emailAddress", "nobody@example.invalid"},
                              {"organizationRole", "admin"}};
    json login;
    login["claudeAiOauth"] = {{"accessToken", "made-up"},
                              {"refreshToken", "made-up"},
                              {"expiresAt", to_millis(wall_now()) + 86'400'000},
                              {"scopes", {"user:inference", "user:profile"}},
                              {"subscriptionType", "pro"}};
    REQUIRE(write_file(home_ / ".claude" / ".credentials.json", login.dump()).has_value());
  }
  REQUIRE(write_file(home_ / ".claude" / ".claude.json", config.dump()).has_value());

  auto const version = claude::cli_version(claude_);
  REQUIRE_MESSAGE(version.has_value(), version.error().message);
  row_ = &claude::row_for(*version);
  stub_ = std::make_unique<StubApi>("stub_anthropic_api.mjs");

  TmuxOptions options;
  options.socket = dir.path() / "t" / "tmux.sock";
  options.launcher = fs::path(AR_BIN_DIR) / "agent-runner-launch";
  auto host = co_await TmuxHost::open(io.get_executor(), options);
  REQUIRE_MESSAGE(host.has_value(), host.error().message);
  host_ = std::move(*host);

  acceptor_ = std::make_unique<net::local::stream_protocol::acceptor>(
      io, net::local::stream_protocol::endpoint(socket_.string()));
  tasks_.spawn("receive", receive());
}

void ClaudeLab::open_session(bool adopted) {
  SessionContext context;
  context.executor = io.get_executor();
  context.terminal = terminal;
  context.request = request;
  context.session_id = plan.session_id;
  context.adopted = adopted;
  context.emit = [this](ProviderEvent event) {
    events.push_back(std::move(event));
    changed_.notify_all();
  };
  session = adapter_->open(std::move(context));
  session->start();
}

awaitable<void> ClaudeLab::launch() {
  request.agent_id = "alice";
  // Beside the hook client lies, as when installed, the command line tool: here one that writes down what it
  // is told.
  auto const bin = dir.path() / "bin";
  if (!fs::exists(bin)) {
    fs::create_directories(bin);
    fs::create_symlink(fs::path(AR_BIN_DIR) / "agent-runner-hook", bin / "agent-runner-hook");
    auto const script = "#!/bin/sh\n{ echo \"$@\"; cat; } > " + (dir.path() / "said").string() + "\n";
    REQUIRE(write_file(bin / "agent-runner", script, 0700).has_value());
  }
  request.hook_client = bin / "agent-runner-hook";
  request.plugin_dir = fs::path(AR_SOURCE_DIR) / "plugins" / "claude";
  request.new_session_id = new_uuid();
  request.options["command"] = claude_;
  request.environment = {{"HOME", home_.string()},
                         {"CLAUDE_CONFIG_DIR", (home_ / ".claude").string()},
                         {"PATH", "/usr/local/bin:/usr/bin:/bin"},
                         {"LANG", "C.UTF-8"},
                         {"TERM", "xterm-256color"},
                         {"ANTHROPIC_BASE_URL", stub_->url()},
                         {"ANTHROPIC_API_KEY", kKey},
                         {"AGENT_RUNNER_SOCKET", socket_.string()},
                         {"AGENT_RELAY_TOKEN", "test-token"},
                         {"AGENT_RELAY_PROVIDER_SESSION_ID", new_uuid()}};
  auto& own = request.options["env"];
  if (subscription)  // whose menus need what this turns off
    request.environment.erase("ANTHROPIC_API_KEY");
  else
    own["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1";
  if (!own.contains("CLAUDE_CODE_MAX_RETRIES")) own["CLAUDE_CODE_MAX_RETRIES"] = "1";
  auto planned = adapter_->prepare(request);
  REQUIRE_MESSAGE(planned.has_value(), planned.error().message);
  plan = *planned;

  TerminalSpec spec;
  spec.session = "alice";
  spec.argv = plan.argv;
  for (auto const& [name, value] : plan.environment) spec.environment.push_back(name + "=" + value);
  spec.directory = request.cwd;
  TerminalHost::OnExit const on_exit = [this](ExitStatus) {
    exited_ = true;
    changed_.notify_all();
  };
  exited_ = false;
  auto started = co_await host_->start(spec, on_exit);
  REQUIRE_MESSAGE(started.has_value(), started.error().message);
  terminal = *started;
  open_session(false);
}

void ClaudeLab::adopt() { open_session(true); }

void ClaudeLab::copy_mode() { REQUIRE(run_tmux({"copy-mode", "-t", terminal->pane()}) == 0); }

awaitable<void> ClaudeLab::close() {
  if (session && terminal->alive()) {
    (void)co_await session->quit();
    co_await until([this] { return exited_; }, "Claude Code has ended", std::chrono::seconds(30));
  }
  if (session) co_await session->stop();
  session.reset();
  co_await tasks_.stop();
  (void)co_await host_->kill_server();
  co_await host_->stop();
  host_.reset();
}

awaitable<void> ClaudeLab::until(std::function<bool()> condition, std::string what, std::chrono::seconds limit) {
  auto const deadline = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() >= deadline && terminal) {
      auto const screen = co_await terminal->capture();
      std::string shown;
      if (screen)
        for (auto const& line : screen->lines) shown += line + "\n";
      auto const live = read_file(claude::live_state_file(home_ / ".claude", terminal->pid()), 1U << 20);
      REQUIRE_MESSAGE(false, "did not happen in time: " << what
                                                        << "\ngate: " << (session ? session->block_reason(false) : "")
                                                        << "\nlive state: " << (live ? *live : "none") << "\n"
                                                        << shown);
    }
    co_await changed_.wait(deadline);
  }
}

bool ClaudeLab::noted(std::string const& type, std::size_t from) const {
  for (auto i = from; i < events.size(); ++i)
    if (auto const* note = std::get_if<Noted>(&events[i]); note && note->type == type) return true;
  return false;
}

Prompt ClaudeLab::prompt(std::string body, bool urgent) {
  Prompt prompt;
  prompt.message_id = ++next_message_;
  prompt.nonce = random_hex(5);
  prompt.from = "bob";
  prompt.kind = "chat";
  prompt.body = std::move(body);
  prompt.urgent = urgent;
  prompt.body_file = request.agent_dir / ("body-" + std::to_string(prompt.message_id));
  return prompt;
}

awaitable<void> ClaudeLab::receive() {
  while (true) {
    auto [ec, client] = co_await acceptor_->async_accept(nothrow);
    if (ec) co_return;
    tasks_.spawn("hook", serve(std::move(client)));
  }
}

/// One hook call: a minimal HTTP/1.1 exchange.
awaitable<void> ClaudeLab::serve(net::local::stream_protocol::socket client) {
  std::string head;
  auto buffer = net::dynamic_buffer(head, 1U << 16);
  auto [ec, size] = co_await net::async_read_until(client, buffer, "\r\n\r\n", nothrow);
  if (ec) co_return;
  auto body = head.substr(size);
  head.resize(size);
  auto const event = head.substr(head.find("/v1/hooks/") + 10, head.find(" HTTP/") - head.find("/v1/hooks/") - 10);
  std::size_t length = 0;
  for (std::size_t at = 0; at < head.size(); at = head.find("\r\n", at) + 2)
    if (head.size() - at > 15 && ::strncasecmp(head.c_str() + at, "content-length:", 15) == 0)
      length = std::strtoul(head.c_str() + at + 15, nullptr, 10);
  auto const have = body.size();
  body.resize(std::max(length, have));
  auto const rest = net::buffer(body.data() + have, body.size() - have);
  auto [read_error, read] = co_await net::async_read(client, rest, nothrow);
  if (read_error) co_return;
  auto const payload = json::parse(body, nullptr, false);
  auto const held = session;  // a permission may wait longer than the test keeps this session
  Result<json> answer = ok(json::object());
  if (held && payload.is_object() && event == "PermissionRequest") {
    auto call = new_uuid();
    answer = co_await held->ask(std::move(call), payload);
  } else if (held && payload.is_object()) {
    answer = held->hook(event, payload);
  }
  auto const text = answer && !answer->empty() ? answer->dump() : std::string();
  auto const reply =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) + "\r\nConnection: close\r\n\r\n" + text;
  auto const bytes = net::buffer(reply);
  co_await net::async_write(client, bytes, nothrow);
}

}  // namespace ar::test
