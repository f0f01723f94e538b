// The names of files of a conversation's record, as they come from another machine.
#pragma once
#include <string_view>

namespace ar::adapters {

/// Whether it leads to a file below its folder and nowhere else: parts between single slashes, none of them "." or
/// "..", without a NUL.
bool is_record_name(std::string_view name);

}  // namespace ar::adapters
