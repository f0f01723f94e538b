// Which process the kernel has killed for want of memory, as far as that can be known.
#pragma once
#include "base/process/control_group.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar::daemon {

struct Victim {
  pid_t pid = 0;
  std::string name{};
  std::int64_t memory_bytes = 0;  ///< when it was seen last; 0: not known
  std::string by{};               ///< who says so: "kernel log", or "comparison" of the group before and after
};

/// The newest that the kernel's log, a list of lines, names for the group of this name.
std::optional<Victim> victim_in_log(std::vector<std::string> const& lines, std::string_view group);
/// The largest of `before` that is not there any more.
std::optional<Victim> victim_by_comparison(std::vector<GroupMember> const& before,
                                           std::vector<GroupMember> const& after);
/// Reads the kernel's log where that is allowed. Blocks for some ms.
std::optional<Victim> find_victim(std::filesystem::path const& group, std::vector<GroupMember> const& before);

}  // namespace ar::daemon
