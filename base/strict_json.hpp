// JSON in which nothing is ignored.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"

#include <string_view>

namespace ar {

/// What a program asks of us: as parse_object, and no object in it has two members of one name.
Result<json> parse_strict_object(std::string_view text);

}  // namespace ar
