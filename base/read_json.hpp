// Documents that somebody else wrote, or we did long ago, read field by field: what has another shape is an error, too.
#pragma once
#include "base/clock.hpp"
#include "base/json.hpp"

#include <algorithm>
#include <type_traits>

namespace ar {

/// What `read` makes of the document. It may use at(), get() and value() as it likes: a field that is missing or of
/// another type is `invalid_json`, as malformed text is.
template <class Read>
auto read_json(std::string_view text, Read read) -> Result<std::invoke_result_t<Read&, json const&>> {
  using Value = std::invoke_result_t<Read&, json const&>;
  auto const document = parse_json(text);
  if (!document) return document.error();
  try {
    return Result<Value>(boost::system::in_place_value, read(*document));
  } catch (json::exception const& e) {
    return Error{ErrorKind::invalid, "invalid_json",
                 std::string("it has another shape than was expected: ") + e.what()};
  }
}

/// The same where nobody asks why it cannot be read.
template <class Read>
auto maybe_json(std::string_view text, Read read) -> std::optional<std::invoke_result_t<Read&, json const&>> {
  auto value = read_json(text, std::move(read));
  if (!value) return std::nullopt;
  return std::move(*value);
}

/// Milliseconds as a document holds them. What lies beyond some thousand years becomes that edge, so that times and
/// spans can be added without an overflow.
inline milliseconds millis_in(json const& value) {
  constexpr double kEdge = 1e14;
  return milliseconds(static_cast<std::int64_t>(std::clamp(value.get<double>(), -kEdge, kEdge)));
}
/// The same as a time: milliseconds since 1970.
inline WallTime time_in(json const& value) { return WallTime(millis_in(value)); }

/// The integer at a key; `otherwise` when there is none.
inline std::int64_t integer_at(json const& object, char const* key, std::int64_t otherwise = 0) {
  if (!object.is_object()) return otherwise;
  auto const found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : otherwise;
}

/// Levels of an object that is kept and shown inside of other documents: with theirs around it, it stays within what
/// parse_json takes.
inline constexpr int kMostInside = 32;
inline bool deeper_than(json const& value, int levels) {
  if (!value.is_structured()) return false;
  return levels == 0 || std::ranges::any_of(value, [&](json const& part) { return deeper_than(part, levels - 1); });
}

}  // namespace ar
