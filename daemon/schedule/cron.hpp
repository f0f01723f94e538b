// A cron expression: five fields (minute, hour, day of the month, month, day of the week) with *, ranges, steps, lists
// and names, or one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually. Where the day of the month
// and the day of the week are both limited, a day that is either of them is meant, as in cron(8).
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/time_zone/time_zone.hpp"

#include <bitset>
#include <optional>
#include <string_view>

namespace ar::daemon {

class Cron {
 public:
  /// An error says what is wrong with which field. One whose day never comes (30 February) is read all the same.
  static Result<Cron> parse(std::string_view text);
  /// The first time that it means after that one; nothing: there is none. A time that a clock change leaves out that
  /// day is the first moment after the gap; one that comes twice is meant once, the first time.
  std::optional<WallTime> next(WallTime after, cctz::time_zone const& zone) const;

 private:
  using Field = std::bitset<60>;
  Cron() = default;
  bool means(cctz::civil_day day) const;
  std::optional<WallTime> first_of(cctz::civil_day day, WallTime after, cctz::time_zone const& zone) const;

  Field minutes_{}, hours_{}, days_{}, months_{}, weekdays_{};
  bool any_day_ = false, any_weekday_ = false;  ///< the field begins with *
};

}  // namespace ar::daemon
