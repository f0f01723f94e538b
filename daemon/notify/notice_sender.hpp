// One attempt at telling a person something: over ntfy or a webhook, on the desktop, by a program.
#pragma once
#include "base/async.hpp"
#include "base/worker.hpp"
#include "daemon/notify/notification.hpp"
#include "daemon/outbox/http_sender.hpp"
#include "model/notify_rule.hpp"

#include <string>

namespace ar::daemon {

class NoticeSender {
 public:
  virtual ~NoticeSender() = default;
  /// Empty: it was taken. Else why not. Ends within a deadline of its own.
  virtual awaitable<std::string> send(NotifyRule rule, Notice notice) = 0;
};

/// io thread only.
class RealNoticeSender final : public NoticeSender {
 public:
  explicit RealNoticeSender(Executor executor);
  awaitable<std::string> send(NotifyRule rule, Notice notice) override;

 private:
  awaitable<std::string> over_http(NotifyRule rule, Notice notice);
  awaitable<std::string> by_program(std::string program, std::vector<std::string> arguments, std::string input);

  Executor executor_;
  Worker files_;
  HttpSender http_;
};

/// As webhooks and programs get it: {title, text, kind, more, notifications: [{kind, agent, event, at, title, text}]}.
json to_json(Notice const& notice);

}  // namespace ar::daemon
