// What a file is, by the ending of its name.
#pragma once
#include <string_view>

namespace ar::daemon {

/// "text/markdown"; empty: the ending tells nothing.
std::string_view content_type_of(std::string_view name);

}  // namespace ar::daemon
