// Whom the outbox tells: a webhook, which is told of events, or the callback of a session, which is told its end.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ar::daemon {

/// What a session was opened with by whoever is to be told how it ended.
struct Callback {
  std::string url{};                       ///< empty: nobody is told
  std::string token{};                     ///< secret; shown to the receiver as a Bearer token
  std::string call_id{}, subagent_name{};  ///< told back as they came
};

struct Receiver {
  std::string id;
  std::string owner;                  ///< the operator, or an agent by its name
  std::string url;                    ///< may hold a secret too
  std::string secret;                 ///< of a webhook whsec_...; of a callback its token
  std::vector<std::string> events{};  ///< types, or the beginnings of types with * after them; empty: a callback
  std::string agent{};                ///< whose events, or whose end; empty: of all
  std::string call_id{};
  WallTime created_at{};
  bool gone = false;  ///< it has answered that it is (410): it is told nothing more
  // Since it has taken something last.
  int failures = 0;
  WallTime failing_since{}, next_at{};

  bool is_callback() const { return events.empty(); }
  /// Whether a webhook is to be told of such an event.
  bool wants(std::string_view about_agent, std::string_view type) const;
};

/// The journal's form: with the secret.
json to_journal(Receiver const& receiver);
Receiver receiver_from(std::string id, std::string owner, json const& stored);
/// What is shown of a webhook: without it.
json to_public(Receiver const& receiver);

/// Whether a webhook can ask for this: a type of the catalogue, or the beginning of some with * after it.
bool is_event_pattern(std::string_view pattern);

}  // namespace ar::daemon
