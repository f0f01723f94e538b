// Keeps work back while the model behind a provider refuses it (docs/limits.md): until the limit's end where that is
// known, else for longer and longer; then one message goes first and shows whether the others may follow. An account
// has one for its usage limit and its login, an agent one for what is its own. Pure: ends of turns and times in,
// decisions out.
#pragma once
#include "adapters/provider_event.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ar::daemon {

/// Why a turn was refused for what the provider is, not for what it was asked.
enum class Refusal {
  limit,  ///< a usage limit, or credits that are used up
  login,  ///< it is not logged in, or not any more
  away,   ///< the model's service is overloaded, failing or out of reach
  fails,  ///< one turn after the other fails before it does anything, for reasons that are not known here
};
std::string_view to_string(Refusal refusal);
/// It is the login's, so that it meets all agents which use that.
bool is_of_account(Refusal refusal);
/// Nothing: the turn was not refused, or for its message's sake (too long, not allowed).
std::optional<Refusal> refusal_in(adapters::TurnEnded const& end);

class ProviderHold {
 public:
  /// After a limit's end, as its clock is not ours.
  static constexpr milliseconds kMargin{60'000};
  /// The first wait for a service that is `away`.
  static constexpr milliseconds kBackoff{30'000};
  /// `jitter`: 0..1, so that not all come back at once. The next try comes `margin` after the limit's end, half of it
  /// sooner or later; for a service that is away, after `backoff` and then twice the time before.
  void refuse(Refusal refusal, adapters::TurnEnded const& end, double jitter, milliseconds margin = kMargin,
              milliseconds backoff = kBackoff);
  /// A turn that failed for what else; true when it is one too many in a row, and holds back the next ones. The message
  /// may be the cause, so it does not go back: while they fail, each costs one, less and less often.
  bool failed(adapters::TurnEnded const& end, double jitter);
  /// A turn got through. False: nothing was held.
  bool lift();
  /// The next one may go now: a person has done something about it. A failed login waits at least 30 s after the last.
  void probe_now();
  /// The same, for what a fresh process can mend; a limit is none of that.
  void process_started();

  bool is_on() const { return refusal_.has_value(); }
  std::optional<Refusal> kind() const { return refusal_; }
  WallTime refused_at() const { return refused_at_; }  ///< last
  bool knows_end() const { return resets_at_.has_value(); }
  /// One message may go, to show whether the model takes work again.
  bool may_probe() const;
  /// When that should be looked at next.
  Clock::time_point next_look() const;
  /// For people; `remedy`: the command by which they have it tried now.
  std::string reason(std::string const& remedy) const;
  /// {kind, error, since, until, resetsAt}; null: nothing is held.
  json shown() const;
  /// For the next daemon, and back.
  json stored() const;
  static ProviderHold from_stored(json const& stored);
  /// The same of what another daemon has stored, whose clock may be another: what it says is bounded, and `refused_at`
  /// is by this machine's clock. Throws json::exception where it has another shape.
  static ProviderHold from_other(json const& stored, WallTime refused_at);

 private:
  std::optional<Refusal> refusal_{};
  std::string error_{};
  int times_ = 0;     ///< refused in a row
  int failures_ = 0;  ///< turns in a row that failed before they did anything, for reasons not known here
  WallTime since_{}, refused_at_{};
  Clock::time_point probe_at_{};  ///< monotonic: a system clock that is set makes no wait longer
  WallTime until_{};              ///< the same moment, for people, and by the limit's own clock
  std::optional<WallTime> resets_at_{};
};

}  // namespace ar::daemon
