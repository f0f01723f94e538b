// What the providers' hooks tell and ask.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/words.hpp"
#include "model/principal.hpp"

#include <string>
#include <string_view>

namespace ar::control {

/// Whose answers may take time: a person is asked, or tool hooks are.
inline constexpr std::string_view kWaitingHooks = "PermissionRequest PreToolUse PostToolUse PostToolUseFailure";
inline bool may_wait(std::string_view event) { return has_word(kWaitingHooks, event); }

/// `provider_session` is the AGENT_RELAY_PROVIDER_SESSION_ID that the hook ran with; a call from an earlier provider
/// process is refused (stale_provider_session). io thread only.
class HooksApi {
 public:
  virtual ~HooksApi() = default;
  /// Of a hook that may wait it is cancelled when who called has gone.
  virtual awaitable<Result<json>> hook(Principal who, std::string event, std::string provider_session,
                                       json payload) = 0;
  /// A hook that asks a person (PermissionRequest): returns with the hook's answer, however long that takes. `call`
  /// is the same when the hook comes again.
  virtual awaitable<Result<json>> ask(Principal who, std::string provider_session, std::string call, json payload) = 0;
  /// That hook has hung up before its answer.
  virtual void ask_left(Principal const& who, std::string const& provider_session, std::string const& call) = 0;
};

}  // namespace ar::control
