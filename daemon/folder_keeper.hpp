// Keeps the folder of the sockets as it must be, whatever somebody removes there.
#pragma once
#include "base/async.hpp"

#include <filesystem>
#include <functional>

namespace ar::daemon {

/// Makes the folder, calls `restore`, and does both again at every change in it, until cancelled or `restore` says
/// false: there is nothing to be kept any more. `restore` must leave alone what is right. Where files cannot be watched,
/// the log says so and it ends.
awaitable<void> keep_folder(std::filesystem::path folder, std::function<bool()> restore);

}  // namespace ar::daemon
