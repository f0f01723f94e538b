#include "daemon/agent/agent_mailbox.hpp"

#include <utility>

namespace ar::daemon {
namespace {

constexpr std::size_t kMost = 10'000;

bool is_note(Mail const& mail) {
  auto const* const event = std::get_if<adapters::ProviderEvent>(&mail);
  return event && std::holds_alternative<adapters::Noted>(*event);
}

}  // namespace

void AgentMailbox::put(Mail mail) {
  if (mail_.size() >= kMost && is_note(mail)) return leave_out_note();
  mail_.push_back(std::move(mail));
  ++put_;
  came_.notify_all();
}

Mail AgentMailbox::take() {
  Mail mail = std::move(mail_.front());
  mail_.pop_front();
  return mail;
}

void AgentMailbox::done() {
  ++done_;
  dealt_with_.notify_all();
}

awaitable<bool> AgentMailbox::wait_until_caught_up(Clock::time_point deadline) {
  auto const last = put_;
  while (done_ < last && Clock::now() < deadline) (void)co_await dealt_with_.wait(deadline);
  co_return done_ >= last;
}

}  // namespace ar::daemon
