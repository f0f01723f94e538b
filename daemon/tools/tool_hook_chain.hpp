// Asks the tool hooks about a call, one after the other, and makes one verdict of what they say.
#pragma once
#include "adapters/tool_call.hpp"
#include "base/async.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/tools/tool_hooks.hpp"

#include <functional>
#include <string>

namespace ar::daemon {

/// Whose tool call it is.
struct ToolCaller {
  std::string agent;
  json turn{};  ///< {id, sequence}; null: none runs
};

/// io thread only.
class ToolHookChain {
 public:
  /// For all hooks together. The hook client waits a little longer, the provider for the client longer still: what
  /// fails to come in time fails here, where failMode decides.
  static constexpr auto kTime = std::chrono::seconds(120);

  /// Gets a hook's answer to the body.
  using Ask = std::function<awaitable<Result<std::string>>(ToolHook hook, std::string body, Clock::duration patience)>;
  /// `hooks` and `events` outlive this.
  ToolHookChain(ToolHooks const& hooks, EventLog& events, Ask ask)
      : hooks_(hooks), events_(events), ask_(std::move(ask)) {}

  awaitable<adapters::ToolVerdict> run(ToolCaller caller, adapters::ToolCall call);
  /// The provider cannot do all that the hooks want; people are told.
  void fell_short(ToolCaller const& caller, adapters::ToolCall const& call, std::string const& why);

 private:
  awaitable<Result<adapters::ToolVerdict>> ask(ToolHook hook, std::string body, Clock::duration patience);
  void tell(char const* type, ToolCaller const& caller, adapters::ToolCall const& call, ToolHook const& hook,
            std::string_view reason = {});

  ToolHooks const& hooks_;
  EventLog& events_;
  Ask const ask_;
};

}  // namespace ar::daemon
