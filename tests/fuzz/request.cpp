// A document that somebody sends to the control server, against the schema of each route.
#include "control/route.hpp"
#include "fuzz/fuzz.hpp"

using namespace ar;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const document = parse_object(fuzz::text_of(data, size));
  if (!document) return 0;
  for (auto const& route : control::routes()) {
    if (!route.request) continue;
    auto const wrong = control::check_request(*route.request, *document);
    if (!wrong) continue;
    fuzz::must(wrong->code == "invalid_argument" && !wrong->message.empty(), "the error says what is wrong");
    auto const top = wrong->field.substr(0, wrong->field.find_first_of(".["));
    bool const missing = wrong->message.ends_with("is missing");
    fuzz::must(missing || document->contains(top) || document->contains(wrong->field),
               "it names a field that is there");
  }
  return 0;
}
