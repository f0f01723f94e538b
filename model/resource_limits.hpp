// What an agent's processes may use together (docs/resources.md).
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ar {

/// A field that is not set says nothing: what stands behind it counts. 0 says that there is no limit.
struct ResourceLimits {
  std::optional<std::int64_t> memory_max{};   ///< bytes
  std::optional<std::int64_t> memory_high{};  ///< bytes, above which they are slowed down
  std::optional<std::int64_t> cpu_quota{};    ///< percent of one processor
  std::optional<std::int64_t> tasks_max{};    ///< processes and threads

  /// This, and where it says nothing what `behind` says.
  ResourceLimits over(ResourceLimits const& behind) const;
  friend bool operator==(ResourceLimits const&, ResourceLimits const&) = default;
};

/// "300M", "2G", "1048576": bytes, in powers of 1024. "0": no limit.
Result<std::int64_t> parse_memory_size(std::string_view text);
/// "150%": of one processor. "0": no limit.
Result<std::int64_t> parse_cpu_quota(std::string_view text);
/// Reads {memoryMax?, memoryHigh?, cpuQuota?, tasksMax?}: numbers, and the first three also texts. The error's field
/// begins with `prefix`.
Result<ResourceLimits> resource_limits_from(json const& object, std::string const& prefix);
/// In numbers; what is not set is left out.
json to_json(ResourceLimits const& limits);

}  // namespace ar
