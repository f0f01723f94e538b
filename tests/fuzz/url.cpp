// Targets of requests: paths, escapes, parameters.
#include "base/http/url.hpp"

#include "base/json.hpp"
#include "base/unicode.hpp"
#include "fuzz/fuzz.hpp"

using namespace ar;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  for (bool const plus_is_space : {false, true})
    if (auto const decoded = http::percent_decode(text, plus_is_space)) {
      fuzz::must(decoded->find('\0') == std::string::npos && is_utf8(*decoded), "what is decoded is text");
      fuzz::must(decoded->size() <= text.size(), "what is decoded is not longer");
    }
  if (auto const number = http::parse_number(text)) fuzz::must(*number >= 0, "a number has no sign");
  auto query = http::Query::parse(text);
  if (!query) return 0;
  (void)query->unknown("limit cursor");
  auto const limit = query->integer("limit", 100, 1, 1000);
  fuzz::must(query->error() || (limit >= 1 && limit <= 1000), "a number is in its range or an error");
  return 0;
}
