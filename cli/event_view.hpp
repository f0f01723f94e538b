// An event of the log in few words, for people; `--json` has all of it.
#pragma once
#include "base/json.hpp"

#include <cstddef>
#include <string>

namespace ar::cli {

/// Its data as `name=value`, without what is nested; `widest`: longer values are cut, 0: none is.
std::string event_detail(json const& event, std::size_t widest = 60);

}  // namespace ar::cli
