#include "daemon/delivery/guarded.hpp"

#include <spdlog/spdlog.h>

namespace ar::daemon {

void log_fault(std::string const& what, char const* why) { spdlog::error("{}: {}", what, why); }

}  // namespace ar::daemon
