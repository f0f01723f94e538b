// The shape of the API's documents and of a query's parameters, as data. Two users: what comes in is checked by it, and
// openapi.json tells programs of it.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ar::control {

enum class Type : std::uint8_t { text, time, integer, number, boolean, object, list, map, any };

struct Schema;

/// A member of a document, or a parameter of a query (of type text, integer or boolean).
struct Field {
  std::string_view name;
  Type type = Type::text;
  std::string_view about{};
  bool required = false;           ///< what comes in must have it; an answer always has it
  bool nullable = false;           ///< an answer may say null (in what comes in, null is as good as absent)
  Type of = Type::text;            ///< what a list or a map holds
  Schema const* schema = nullptr;  ///< of an object, or of the objects that a list or a map holds; null: any object
  std::string_view words{};        ///< the texts that it may be, between blanks; empty: any
  std::int64_t least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();
  std::int64_t otherwise = 0;  ///< an integer of a query that is not given
};

struct Schema {
  std::string_view name;  ///< in openapi.json
  std::string_view about{};
  std::span<Field const> fields;
  bool open = false;           ///< has others besides, which are not told
  bool holds_secrets = false;  ///< below env, headers, secret and token; they may change without the rest
};

/// The fields of a document that has another one's and more.
template <std::size_t A, std::size_t B>
constexpr std::array<Field, A + B> joined(std::array<Field, A> const& fields, std::array<Field, B> const& more) {
  std::array<Field, A + B> all{};
  std::ranges::copy(more, std::ranges::copy(fields, all.begin()).out);
  return all;
}

/// What is wrong with what somebody sent; the error names the field, as a path like workspace.branch. Unknown fields
/// are an error: a misspelt one must not be ignored in silence.
std::optional<Error> check_request(Schema const& schema, json const& document);
/// What of an answer of ours the schema does not tell; empty: nothing.
std::string fault_of_answer(Schema const& schema, json const& document);

/// The JSON Schema (2020-12) of a document that comes in, or of an answer. Others are referred to.
json json_schema(Schema const& schema, bool comes_in);
/// The same of one field.
json json_schema(Field const& field, bool comes_in);

}  // namespace ar::control
