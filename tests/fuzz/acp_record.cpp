// What an agent that speaks ACP writes: as a frame to its host, and as a line of the record to the daemon.
#include "adapters/acp/conversation.hpp"
#include "adapters/acp/host/dialogue.hpp"
#include "adapters/acp/host/screen.hpp"
#include "adapters/acp/transcript_rows.hpp"
#include "fuzz/fuzz.hpp"

using namespace ar;
using namespace ar::adapters;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  acp::Conversation conversation([](ProviderEvent) {});
  acp_host::Dialogue dialogue;
  acp_host::Screen screen;
  std::vector<TranscriptRow> rows;
  for (std::size_t at = 0; at < text.size();) {
    auto const end = std::min(text.find('\n', at), text.size());
    auto const line = std::string(text.substr(at, end - at));
    at = end + 1;
    conversation.take(line);
    acp::transcript_rows(line, rows);
    auto const read = parse_object(line);
    if (!read) continue;
    auto const& frame = object_at(*read, "f");
    bool keep = false;
    (void)dialogue.from_agent(frame, keep);
    (void)dialogue.from_daemon(frame, line);
    (void)dialogue.from_person(line);
    std::string shown = screen.update(object_at(object_at(frame, "params"), "update")) +
                        screen.asked(object_at(frame, "params")) + screen.turn_over(frame);
    // Only the host's own marks of bold, dim and plain begin with an escape.
    for (auto escape = shown.find('\x1b'); escape != std::string::npos; escape = shown.find('\x1b', escape + 1))
      fuzz::must(shown.compare(escape, 2, "\x1b[") == 0 && shown.find('m', escape) == escape + 3,
                 "nothing that an agent writes steers the terminal");
  }
  fuzz::must(!conversation.prompt_runs() || text.find("session/prompt") != std::string_view::npos,
             "a prompt that runs was sent");
  (void)conversation.can_load();
  return 0;
}
