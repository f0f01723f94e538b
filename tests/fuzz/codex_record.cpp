// A line of Codex's record of a thread, and what its server says in frames.
#include "adapters/codex/protocol.hpp"
#include "adapters/codex/record.hpp"
#include "fuzz/fuzz.hpp"

using namespace ar;
namespace codex = ar::adapters::codex;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  auto const correlation_id = codex::taken_correlation_id(text);
  fuzz::must(correlation_id.empty() || text.find(correlation_id) != std::string_view::npos,
             "a message that was taken stands in the line");
  (void)codex::version_of(text);
  auto const frame = parse_json(text);
  if (!frame) return 0;
  (void)codex::turn_end(*frame, "the last text");
  (void)codex::error_kind(*frame);
  (void)codex::limit_end(*frame);
  (void)codex::context_use(*frame);
  (void)codex::thread_status(*frame);
  (void)codex::request_key(*frame);
  for (bool const finished : {false, true}) (void)codex::tool_event(finished, *frame);
  return 0;
}
