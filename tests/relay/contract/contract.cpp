#include "relay/contract/contract.hpp"

#include <boost/asio/co_spawn.hpp>

#include <chrono>
#include <exception>

namespace ar::relay::test {

Identity agent(std::string id, std::string label, std::vector<std::string> tags,
               std::vector<std::string> capabilities) {
  return {std::move(id), std::move(label), std::move(tags), std::move(capabilities)};
}

NewMessage message_to(std::string to, std::string body, std::string from) {
  NewMessage message;
  message.from = std::move(from);
  message.to = std::move(to);
  message.body = std::move(body);
  return message;
}

NewMessage work_for(std::string to, std::string body) {
  auto message = message_to(std::move(to), std::move(body));
  message.claimable = true;
  return message;
}

std::vector<milliseconds> impossible_spans() {
  return {milliseconds::min(), milliseconds(-1),
          milliseconds(0),     kLongestSpan + milliseconds(1),
          milliseconds::max(), milliseconds::max() - milliseconds(1)};
}

std::vector<MessageId> ids_of(std::vector<Message> const& messages) {
  std::vector<MessageId> ids;
  for (auto const& message : messages) ids.push_back(message.id);
  return ids;
}

void Contract::add(Identity who) {
  Presence presence;
  presence.identity = std::move(who);
  presence.instance_id = "instance-1";
  presence.status = "idle";
  presence.ready = true;
  good(bus().register_agent(std::move(presence)));
}

void Contract::wait_until(std::function<bool()> const& condition) {
  auto& io = factory_->io();
  auto const deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  io.restart();
  while (!condition() && std::chrono::steady_clock::now() < deadline) io.run_one_for(std::chrono::milliseconds(50));
  REQUIRE_MESSAGE(condition(), "what was waited for did not happen within its deadline");
}

void Contract::complete(awaitable<void> call, std::optional<awaitable<void>> beside) {
  factory_->settle();
  std::size_t running = beside ? 2 : 1;
  std::exception_ptr error;
  auto const ended = [&](std::exception_ptr e) {
    if (e) error = e;
    --running;
  };
  net::co_spawn(factory_->io(), std::move(call), ended);
  if (beside) net::co_spawn(factory_->io(), std::move(*beside), ended);
  wait_until([&] { return running == 0; });
  if (error) std::rethrow_exception(error);
  factory_->settle();
}

void Contract::fail_with(Error const& error) {
  std::string const what = "unexpected error " + error.code + ": " + error.message;
  FAIL(what);
}

}  // namespace ar::relay::test
