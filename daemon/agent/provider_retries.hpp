// What the provider of one agent says of asking its model again: shown while it lasts, and told twice a turn at most,
// at the first attempt and when the turn is over.
#pragma once
#include "adapters/provider_event.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "daemon/services.hpp"

#include <optional>
#include <string>

namespace ar::daemon {

/// io thread only.
class ProviderRetries {
 public:
  /// `agent`: its id, which outlives this.
  ProviderRetries(Services& services, std::string const& agent) : services_(services), agent_(agent) {}

  void heard(adapters::Retrying const& retry);
  /// `turn`: that was running.
  void turn_over(std::int64_t turn);
  /// {attempt, most?, kind?, error, since}; null: it does not ask again now.
  json shown() const;

 private:
  Services& services_;
  std::string const& agent_;
  std::optional<adapters::Retrying> now_{};
  WallTime since_{};                          ///< of `now_`
  std::optional<adapters::Retrying> last_{};  ///< in the turn
  int times_ = 0;                             ///< that it has been heard of in the turn
};

}  // namespace ar::daemon
