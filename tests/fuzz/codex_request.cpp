// A request of Codex's server to a person, and the answer that goes back: {"method", "params", "changes"}.
#include "adapters/codex/requests.hpp"
#include "fuzz/fuzz.hpp"

using namespace ar;
namespace codex = ar::adapters::codex;
using adapters::Decision;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const frame = parse_object(fuzz::text_of(data, size));
  if (!frame) return 0;
  auto const method = text_at(*frame, "method");
  auto const& params = object_at(*frame, "params");
  auto const changes = frame->find("changes");
  auto const request = codex::request_of("key", method, params, changes == frame->end() ? json() : *changes);
  if (!request) return 0;
  fuzz::must(request->summary.find('\n') == std::string::npos, "a summary is one line");
  (void)codex::waiting_text(*request);
  (void)codex::drops_reason(method);
  for (auto const& text : {"true", "1", "1e300", "-9223372036854775809", "nan", "some text"}) {
    adapters::Answer answer;
    answer.answers.assign(request->questions.size(), {text});
    for (auto const decision :
         {Decision::approve, Decision::approve_session, Decision::deny, Decision::abort, Decision::answer}) {
      answer.decision = decision;
      if (auto const result = codex::result_of(method, params, answer)) (void)to_text(*result);
    }
  }
  return 0;
}
