#include "control/schema.hpp"

#include "base/clock.hpp"
#include "base/suggest.hpp"
#include "base/words.hpp"

#include <algorithm>
#include <vector>

namespace ar::control {
namespace {

std::string in_words(std::string_view words) {
  std::string list;
  for (auto const word : words_of(words)) list += (list.empty() ? "" : ", ") + std::string(word);
  return list;
}

/// Reads a document against its schema; `strict`: an answer of ours.
class Checker {
 public:
  explicit Checker(bool strict) : strict_(strict) {}

  std::optional<Error> check(Schema const& schema, json const& document, std::string const& path) const {
    if (!document.is_object())
      return invalid(path, (path.empty() ? "the body" : path) + " must be an object, not " + document.type_name());
    auto const prefix = path.empty() ? path : path + ".";
    if (auto unknown = schema.open ? std::nullopt : unknown_field(schema, document, prefix)) return unknown;
    for (auto const& field : schema.fields) {
      auto const found = document.find(field.name);
      bool const absent = found == document.end() || (!strict_ && found->is_null());
      if (absent && field.required) return fault(prefix + std::string(field.name), "is missing");
      if (absent || (found->is_null() && field.nullable)) continue;
      if (auto wrong = check(field, *found, prefix + std::string(field.name))) return wrong;
    }
    return std::nullopt;
  }

 private:
  static std::optional<Error> fault(std::string const& path, std::string const& what) {
    return invalid(path, path + " " + what);
  }

  static std::optional<Error> unknown_field(Schema const& schema, json const& document, std::string const& prefix) {
    for (auto const& [name, value] : document.items()) {
      if (std::ranges::find(schema.fields, name, &Field::name) != schema.fields.end()) continue;
      std::vector<std::string> known;
      for (auto const& field : schema.fields) known.emplace_back(field.name);
      return invalid(prefix + name,
                     "unknown field " + prefix + name + suggestion(name, known) + "; check its spelling");
    }
    return std::nullopt;
  }

  std::optional<Error> check(Field const& field, json const& value, std::string const& path) const {
    if (field.type != Type::list && field.type != Type::map) return check_one(field, field.type, value, path);
    bool const is_list = field.type == Type::list;
    if (is_list ? !value.is_array() : !value.is_object())
      return fault(path, std::string("must be ") + (is_list ? "a list" : "an object") + ", not " + value.type_name());
    for (auto const& item : value.items()) {
      auto const place = is_list ? path + "[" + item.key() + "]" : path + "." + item.key();
      // Whoever sends a list of texts looks for it by its name.
      if (auto wrong = check_one(field, field.of, item.value(), strict_ || field.schema ? place : path)) return wrong;
    }
    return std::nullopt;
  }

  std::optional<Error> check_one(Field const& field, Type type, json const& value, std::string const& path) const {
    auto const must_be = [&](char const* what) {
      return fault(path, std::string("must be ") + what + ", not " + value.type_name());
    };
    switch (type) {
      case Type::any: return std::nullopt;
      case Type::boolean: return value.is_boolean() ? std::nullopt : must_be("true or false");
      case Type::number: return value.is_number() ? std::nullopt : must_be("a number");
      case Type::integer: return check_integer(field, value, path);
      case Type::object:
        if (field.schema) return check(*field.schema, value, path);
        return value.is_object() ? std::nullopt : must_be("an object");
      case Type::time:
        if (!value.is_string()) return must_be("a time like 2026-01-31T12:00:00.123Z");
        return from_iso8601(value.get<std::string>()) ? std::nullopt
                                                      : fault(path, "must be a time like 2026-01-31T12:00:00.123Z");
      case Type::text:
        if (!value.is_string()) return must_be("a string");
        if (field.words.empty() || has_word(field.words, value.get_ref<std::string const&>())) return std::nullopt;
        return fault(path, "is \"" + value.get<std::string>().substr(0, 80) + "\"; use " + in_words(field.words));
      case Type::list:
      case Type::map: break;
    }
    return fault(path, "holds lists of lists, which no document of the API has");
  }

  static std::optional<Error> check_integer(Field const& field, json const& value, std::string const& path) {
    bool const fits =
        value.is_number_integer() &&
        !(value.is_number_unsigned() &&
          value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    if (!fits) return fault(path, std::string("must be an integer, not ") + value.type_name());
    auto const number = value.get<std::int64_t>();
    if (number >= field.least && number <= field.most) return std::nullopt;
    return fault(path, "must be from " + std::to_string(field.least) + " to " + std::to_string(field.most));
  }

  bool const strict_;
};

json schema_of(Field const& field, Type type) {
  switch (type) {
    case Type::any: return json::object();
    case Type::boolean: return {{"type", "boolean"}};
    case Type::number: return {{"type", "number"}};
    case Type::time: return {{"type", "string"}, {"format", "date-time"}};
    case Type::object:
      if (!field.schema) return {{"type", "object"}, {"additionalProperties", true}};
      return {{"$ref", "#/components/schemas/" + std::string(field.schema->name)}};
    case Type::integer: {
      json shown{{"type", "integer"}, {"format", "int64"}};
      if (field.least != std::numeric_limits<std::int64_t>::min()) shown["minimum"] = field.least;
      if (field.most != std::numeric_limits<std::int64_t>::max()) shown["maximum"] = field.most;
      return shown;
    }
    case Type::text: {
      json shown{{"type", "string"}};
      for (auto const word : words_of(field.words)) shown["enum"].push_back(word);
      return shown;
    }
    case Type::list: return {{"type", "array"}, {"items", schema_of(field, field.of)}};
    case Type::map: return {{"type", "object"}, {"additionalProperties", schema_of(field, field.of)}};
  }
  return json::object();
}

}  // namespace

std::optional<Error> check_request(Schema const& schema, json const& document) {
  return Checker(false).check(schema, document, "");
}

std::string fault_of_answer(Schema const& schema, json const& document) {
  auto const wrong = Checker(true).check(schema, document, "");
  return wrong ? wrong->message : std::string();
}

json json_schema(Field const& field, bool comes_in) {
  auto shown = schema_of(field, field.type);
  bool const may_be_null = field.nullable || (comes_in && !field.required);
  if (may_be_null && shown.contains("$ref"))
    shown = {{"anyOf", json::array({shown, json{{"type", "null"}}})}};
  else if (may_be_null && shown.contains("type"))
    shown["type"] = json::array({shown["type"], "null"});
  if (may_be_null && shown.contains("enum")) shown["enum"].push_back(nullptr);
  if (!field.about.empty()) shown["description"] = field.about;
  return shown;
}

json json_schema(Schema const& schema, bool comes_in) {
  json shown{{"type", "object"}, {"additionalProperties", schema.open}};
  if (!schema.about.empty()) shown["description"] = schema.about;
  shown["properties"] = json::object();
  for (auto const& field : schema.fields) {
    shown["properties"][std::string(field.name)] = json_schema(field, comes_in);
    if (field.required) shown["required"].push_back(field.name);
  }
  return shown;
}

}  // namespace ar::control
