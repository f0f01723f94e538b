#include "base/json.hpp"

#include "base/json_stream.hpp"
#include "base/strict_json.hpp"

#include <algorithm>
#include <istream>

namespace ar {

namespace {

/// Of a text that may be JSON, as far as its signs tell.
struct Shape {
  int deepest = 0;
  std::size_t names = 0;  ///< of members of objects
};

Shape shape_of(std::string_view text) {
  Shape shape;
  int depth = 0;
  bool in_string = false, escaped = false;
  for (char c : text) {
    if (in_string) {
      if (escaped)
        escaped = false;
      else if (c == '\\')
        escaped = true;
      else if (c == '"')
        in_string = false;
      continue;
    }
    if (c == '"')
      in_string = true;
    else if (c == '{' || c == '[')
      shape.deepest = std::max(shape.deepest, ++depth);
    else if (c == '}' || c == ']')
      --depth;
    else if (c == ':')
      ++shape.names;
  }
  return shape;
}

/// Of all objects in it.
std::size_t members_of(json const& value) {
  if (!value.is_structured()) return 0;
  std::size_t count = value.is_object() ? value.size() : 0;
  for (auto const& item : value) count += members_of(item);
  return count;
}

Error malformed(std::size_t byte) {
  return {ErrorKind::invalid, "invalid_json",
          "malformed JSON at byte " + std::to_string(byte) + "; check quotes, commas and that it is whole"};
}

template <class Parse>
Result<json> parsed(Parse parse) {
  try {
    return ok(parse());
  } catch (json::parse_error const& e) {
    return malformed(e.byte);
  } catch (json::out_of_range const&) {
    return Error{ErrorKind::invalid, "invalid_json", "a number in the JSON is too large; send one below 1e308"};
  }
}

}  // namespace

Result<json> parse_json(std::string_view text) {
  // The parser takes a NUL for the end, and would not see what follows.
  if (auto const nul = text.find('\0'); nul != std::string_view::npos) return malformed(nul + 1);
  if (shape_of(text).deepest > 64)
    return Error{ErrorKind::invalid, "invalid_json", "the JSON is nested deeper than 64 levels; send it flatter"};
  return parsed([&] { return json::parse(text); });
}

Result<json> parse_json_stream(std::istream& stream, json::parser_callback_t const& on_value) {
  return parsed([&] { return json::parse(stream, on_value); });
}

Result<json> parse_object(std::string_view text) {
  auto value = parse_json(text);
  if (value && !value->is_object())
    return Error{ErrorKind::invalid, "invalid_json",
                 std::string("expected a JSON object, got ") + value->type_name() + "; send {...}"};
  return value;
}

Result<json> parse_strict_object(std::string_view text) {
  auto value = parse_object(text);
  if (value && members_of(*value) != shape_of(text).names)
    return Error{ErrorKind::invalid, "invalid_json",
                 "an object in the JSON has two members of one name, of which one would not count; send each once"};
  return value;
}

std::string text_at(json const& value, std::initializer_list<char const*> keys) {
  json const* at = &value;
  for (auto const* key : keys) {
    if (!at->is_object()) return {};
    auto const found = at->find(key);
    if (found == at->end()) return {};
    at = &*found;
  }
  return at->is_string() ? at->get<std::string>() : std::string();
}

json const& object_at(json const& value, char const* key) {
  static json const none = json::object();
  if (!value.is_object()) return none;
  auto const found = value.find(key);
  return found != value.end() && found->is_object() ? *found : none;
}

bool truth_at(json const& value, char const* key) {
  if (!value.is_object()) return false;
  auto const found = value.find(key);
  return found != value.end() && *found == true;
}

std::string to_text(json const& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

FieldReader::FieldReader(json const& object, std::string prefix) : object_(object), prefix_(std::move(prefix)) {
  if (!object_.is_object()) error_ = invalid(prefix_, (prefix_.empty() ? "the body" : prefix_) + " must be an object");
}

json const* FieldReader::find(char const* name) {
  known_.emplace_back(name);
  if (!object_.is_object()) return nullptr;
  auto const it = object_.find(name);
  if (it == object_.end() || it->is_null()) return nullptr;
  return &*it;
}

void FieldReader::fail(char const* name, std::string message) {
  if (!error_) error_ = invalid(prefix_ + name, prefix_ + name + " " + message);
}

void FieldReader::require(char const* name) {
  if (object_.is_object() && (!object_.contains(name) || object_[name].is_null())) fail(name, "is missing");
}

std::string FieldReader::string(char const* name, std::string otherwise) {
  if (auto value = maybe_string(name)) return *value;
  return otherwise;
}

std::optional<std::string> FieldReader::maybe_string(char const* name) {
  auto const* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_string()) {
    fail(name, std::string("must be a string, not ") + value->type_name());
    return std::nullopt;
  }
  return value->get<std::string>();
}

std::optional<std::int64_t> FieldReader::maybe_integer(char const* name) {
  auto const* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_number_integer() ||
      (value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))) {
    fail(name, std::string("must be an integer, not ") + value->type_name());
    return std::nullopt;
  }
  return value->get<std::int64_t>();
}

std::int64_t FieldReader::integer(char const* name, std::int64_t otherwise, std::int64_t least, std::int64_t most) {
  auto const value = maybe_integer(name);
  if (!value) return otherwise;
  if (*value < least || *value > most) {
    fail(name, "must be from " + std::to_string(least) + " to " + std::to_string(most));
    return otherwise;
  }
  return *value;
}

bool FieldReader::boolean(char const* name, bool otherwise) {
  auto const* value = find(name);
  if (!value) return otherwise;
  if (!value->is_boolean()) {
    fail(name, std::string("must be true or false, not ") + value->type_name());
    return otherwise;
  }
  return value->get<bool>();
}

std::vector<std::string> FieldReader::strings(char const* name) {
  auto const* value = find(name);
  if (!value) return {};
  if (!value->is_array() || !std::ranges::all_of(*value, [](json const& v) { return v.is_string(); })) {
    fail(name, "must be a list of strings");
    return {};
  }
  return value->get<std::vector<std::string>>();
}

std::map<std::string, std::string> FieldReader::string_map(char const* name) {
  auto const* value = find(name);
  if (!value) return {};
  if (!value->is_object() || !std::ranges::all_of(*value, [](json const& v) { return v.is_string(); })) {
    fail(name, "must be an object of strings");
    return {};
  }
  return value->get<std::map<std::string, std::string>>();
}

json FieldReader::object(char const* name) {
  auto const* value = find(name);
  if (!value) return json::object();
  if (!value->is_object()) {
    fail(name, std::string("must be an object, not ") + value->type_name());
    return json::object();
  }
  return *value;
}

void FieldReader::ignore(char const* name) { known_.emplace_back(name); }

std::optional<Error> FieldReader::finish() {
  if (error_ || !object_.is_object()) return error_;
  for (auto const& [name, value] : object_.items())
    if (std::ranges::find(known_, name) == known_.end())
      return invalid(prefix_ + name, "unknown field " + prefix_ + name + "; check its spelling");
  return std::nullopt;
}

}  // namespace ar
