// Request targets: percent-decoding, paths and query parameters whose errors name the parameter.
#pragma once
#include "base/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar::http {

/// Nothing for a broken escape, for NUL and for what does not decode to UTF-8. `plus_is_space`: as in
/// queries.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

/// The query's parameters, read one by one like base/json.hpp's FieldReader: the first error is kept for
/// error().
class Query {
 public:
  /// Refuses broken escapes and parameters that come twice.
  static Result<Query> parse(std::string_view text);

  bool empty() const { return parameters_.empty(); }
  /// The first parameter that `known` (names between blanks) does not list.
  std::optional<std::string> unknown(std::string_view known) const;

  std::optional<std::string> text(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t otherwise, std::int64_t least, std::int64_t most);
  void fail(std::string_view name, std::string message);
  std::optional<Error> const& error() const { return error_; }

 private:
  struct Parameter {
    std::string name, value;
  };
  std::vector<Parameter> parameters_;
  std::optional<Error> error_;
};

/// A whole decimal number without sign, or nothing.
std::optional<std::int64_t> parse_number(std::string_view text);

}  // namespace ar::http
