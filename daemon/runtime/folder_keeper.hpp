// Keeps the folders of the sockets as they must be, whatever somebody removes there.
#pragma once
#include "base/async.hpp"

#include <filesystem>
#include <functional>
#include <vector>

namespace ar::daemon {

/// Makes the folders, each in its own or an earlier one, calls `restore`, and does both again at every change in them,
/// until cancelled or `restore` says false: there is nothing to be kept any more. `restore` must leave alone what is
/// right. Where files cannot be watched, the log says so and it ends.
awaitable<void> keep_folders(std::vector<std::filesystem::path> folders, std::function<bool()> restore);

}  // namespace ar::daemon
