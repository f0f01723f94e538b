// JSON that is too long to be held whole.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"

#include <iosfwd>

namespace ar {

/// As parse_json, but `on_value` is told of each value as it begins or ends, with its depth, and one that it does not
/// want is not kept. How deep it may be is the callback's to say. What that throws, or the stream's buffer, comes
/// through.
Result<json> parse_json_stream(std::istream& stream, json::parser_callback_t const& on_value);

}  // namespace ar
