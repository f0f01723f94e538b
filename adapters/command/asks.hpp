// What a `command` agent asks people by its hook PermissionRequest, which waits for the answer.
#pragma once
#include "adapters/provider_event.hpp"
#include "base/async.hpp"
#include "base/error.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace ar::adapters::command {

/// io thread only. Whoever awaits ask() keeps it alive.
class Asks {
 public:
  Asks(Executor executor, std::function<void(ProviderEvent)> emit);

  /// `payload`: {tool_name, tool_input?}. Returns {decision: approve | deny, reason?}; an empty object: nobody decided.
  awaitable<Result<json>> ask(std::string call, json payload);
  void answer(std::string const& call, Answer const& answer);
  /// The hook has gone without an answer.
  void left(std::string const& call);
  /// The program's session ends: nobody is told anything any more.
  void end();

 private:
  struct Ask {
    std::optional<Answer> answer{};
    bool left = false;
  };
  std::function<void(ProviderEvent)> const emit_;
  std::map<std::string, std::shared_ptr<Ask>> asks_{};
  bool ended_ = false;
  Notifier changed_;
};

}  // namespace ar::adapters::command
