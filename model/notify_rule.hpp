// Who is notified of what, and how (docs/notifications.md): one table of [[notify]] in the configuration, as a value.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar {

/// What people are notified of, in the order in which it is told.
inline constexpr std::string_view kNotifyKinds[] = {"needs_input", "login",     "limit",  "budget",
                                                    "gave_up",     "stalled",   "failed", "dead_letter",
                                                    "schedule",    "recovered", "done"};

struct NotifyRule {
  enum class To { ntfy, webhook, desktop, command };
  std::string name{};
  To to = To::ntfy;
  std::vector<std::string> what{};  ///< of kNotifyKinds; empty: all but `done`
  std::string agent{}, tag{};       ///< whose; at most one is given, none: everybody's, and the daemon's own
  std::string url{}, topic{}, token_file{};
  std::vector<std::string> command{};  ///< an absolute program and its arguments
  std::string quiet{}, time_zone{};    ///< "22:00-07:00": nothing is told in between; empty: there is none
  std::vector<std::string> urgent{};   ///< of kNotifyKinds: told in between as well

  bool tells(std::string_view kind) const;
  bool is_urgent(std::string_view kind) const;
};

/// Errors: invalid, naming the field.
Result<NotifyRule> read_notify_rule(json const& table);
/// The same form. A URL may hold a secret: only its server is shown.
json to_json(NotifyRule const& rule);
std::string_view to_string(NotifyRule::To to);

/// From and until when, in minutes of the day. Nothing: it is none.
struct QuietHours {
  int from = 0, until = 0;
  bool holds(int minute) const {
    return from <= until ? minute >= from && minute < until : minute >= from || minute < until;
  }
};
std::optional<QuietHours> read_quiet_hours(std::string_view text);

}  // namespace ar
