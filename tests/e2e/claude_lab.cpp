#include "e2e/claude_lab.hpp"

#include "adapters/claude/launch.hpp"
#include "adapters/claude/live_state.hpp"
#include "base/ids.hpp"
#include "base/paths.hpp"
#include "e2e/offline.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <strings.h>

namespace ar::test {

using namespace ar::adapters;
namespace fs = std::filesystem;

namespace {
constexpr char const* kKey = "sk-stub-000000000000000000000001";
}

ClaudeLab::ClaudeLab() : AgentLab(claude_offline(), make_claude_adapter()), tasks_(io.get_executor(), "lab") {}

awaitable<void> ClaudeLab::open() {
  co_await open_host();
  socket_ = dir.path() / "control.sock";
  fs::create_directories(home_ / ".claude");

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

  auto const version = claude::cli_version(cli_);
  REQUIRE_MESSAGE(version.has_value(), version.error().message);
  row_ = &claude::row_for(*version);
  stub_ = std::make_unique<StubApi>("stub_anthropic_api.mjs");

  acceptor_ = std::make_unique<net::local::stream_protocol::acceptor>(
      io, net::local::stream_protocol::endpoint(socket_.string()));
  tasks_.spawn("receive", receive());
}

awaitable<void> ClaudeLab::launch() {
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
  request.options["command"] = cli_;
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
  co_await start();
}

claude::Typed ClaudeLab::typed_form(Prompt const& prompt) const {
  return claude::typed_form(prompt, request.cwd, home_, row());
}

void ClaudeLab::copy_mode() { REQUIRE(run_tmux({"copy-mode", "-t", terminal->pane()}) == 0); }

awaitable<void> ClaudeLab::close() {
  co_await end();
  co_await tasks_.stop();
}

std::string ClaudeLab::more() const {
  auto const live = read_file(claude::live_state_file(home_ / ".claude", terminal->pid()), 1U << 20);
  return "live state: " + (live ? *live : "none");
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
