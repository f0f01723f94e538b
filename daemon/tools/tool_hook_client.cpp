#include "daemon/tools/tool_hook_client.hpp"

#include "daemon/tools/hook_target.hpp"

#include <algorithm>

namespace ar::daemon {
namespace {

/// Calls of one hook at a time, of all agents; further ones wait for their turn.
constexpr std::size_t kMostConnections = 64;

}  // namespace

awaitable<Result<std::string>> ToolHookClient::ask(ToolHook hook, std::string body, Clock::duration patience) {
  auto target = read_target(hook.callback_url);
  if (!target) co_return invalid("callbackUrl", "its URL cannot be read");
  // Another configuration may have come since it was registered.
  if (auto const allowed = check_host(target->endpoint.host, config_.tool_hook_hosts); !allowed)
    co_return allowed.error();
  auto const client = co_await client_of(hook, target->endpoint);
  if (!client) co_return client.error();
  http::Call call{"POST", std::move(target->path), std::move(body)};
  call.patience = patience;
  call.repeatable = true;
  call.most_answer_bytes = kLargestAnswer;
  auto answer = co_await (*client)->call(std::move(call));
  if (answer || answer.error().kind != ErrorKind::timeout) co_return answer;
  co_return timed_out("it did not answer in time");
}

awaitable<Result<std::shared_ptr<http::HttpClient>>> ToolHookClient::client_of(ToolHook const& hook,
                                                                               http::Endpoint endpoint) {
  if (endpoint.secure && !tls_) {
    auto job = [] { return http::client_tls({}); };
    auto made = co_await files_.run(std::move(job));
    if (!made) co_return made.error();
    tls_ = std::move(*made);
  }
  if (auto const known = clients_.find(hook.id); known != clients_.end()) co_return known->second;
  std::erase_if(clients_, [&](auto const& entry) {
    return std::ranges::find(hooks_.all(), entry.first, &ToolHook::id) == hooks_.all().end();
  });
  // A name may stand for something else than when it was looked at.
  auto allowed = [this, endpoint](std::string_view address) {
    return may_ask_at(address, endpoint, config_.tool_hook_hosts);
  };
  auto client = std::make_shared<http::HttpClient>(executor_, endpoint, tls_, kMostConnections, std::move(allowed));
  clients_.emplace(hook.id, client);
  co_return client;
}

}  // namespace ar::daemon
