// JSON at the project's edges: parsing that never throws, and typed field access whose errors name the field.
#pragma once
#include "base/error.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar {

using nlohmann::json;

/// A Result that holds `value`. (Written out because json converts to and from nearly everything, an Error included.)
inline Result<json> ok(json value) { return Result<json>(boost::system::in_place_value, std::move(value)); }

/// JSON that somebody else wrote: at most 64 levels deep, with numbers that can be held. Never throws; the message
/// says where it stopped. The one place that parses what a sender, a provider or a file says.
Result<json> parse_json(std::string_view text);
/// Refuses anything but one object.
Result<json> parse_object(std::string_view text);
/// dump() that replaces ill-formed UTF-8 instead of throwing: for text that comes from terminals and files.
std::string to_text(json const& value);
/// The text at a path of object keys; empty when there is none.
std::string text_at(json const& value, std::initializer_list<char const*> keys);
inline std::string text_at(json const& value, char const* key) { return text_at(value, {key}); }
/// The object at a key; an empty one when there is none.
json const& object_at(json const& value, char const* key);
/// Whether it is an object that has `true` there.
bool truth_at(json const& value, char const* key);

/// Reads one object field by field and remembers the first error, so that a reader lists its fields and checks once:
///
///   FieldReader in(body);
///   spec.name = in.string("name");
///   spec.tags = in.strings("tags");
///   if (auto error = in.finish()) return *error;
///
/// An absent field and null yield the default. finish() also refuses fields that nobody read: a misspelt option must
/// not be ignored in silence.
class FieldReader {
 public:
  explicit FieldReader(json const& object, std::string prefix = {});

  std::string string(char const* name, std::string otherwise = {});
  std::optional<std::string> maybe_string(char const* name);
  std::int64_t integer(char const* name, std::int64_t otherwise, std::int64_t least, std::int64_t most);
  std::optional<std::int64_t> maybe_integer(char const* name);
  bool boolean(char const* name, bool otherwise = false);
  std::vector<std::string> strings(char const* name);
  std::map<std::string, std::string> string_map(char const* name);
  /// An object, or an empty one.
  json object(char const* name);
  /// Marks a field as known without reading it.
  void ignore(char const* name);

  void require(char const* name);
  void fail(char const* name, std::string message);
  std::optional<Error> finish();

 private:
  json const* find(char const* name);
  json const& object_;
  std::string prefix_;
  std::vector<std::string> known_;
  std::optional<Error> error_;
};

}  // namespace ar
