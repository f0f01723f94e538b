// tmux's control mode: what its client says, screens of programs in it.
#include "fuzz/fuzz.hpp"
#include "terminal/tmux/control_parser.hpp"

using namespace ar;
using terminal::ControlEvent;
using terminal::ControlParser;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  ControlParser whole("secret"), cut("secret");
  auto const events = whole.feed(text);
  std::vector<ControlEvent> others;
  for (auto const piece : fuzz::pieces_of(text))
    for (auto& event : cut.feed(piece)) others.push_back(std::move(event));
  fuzz::must(events.size() == others.size(), "cut elsewhere, the same number of events");
  for (std::size_t i = 0; i < events.size(); ++i)
    fuzz::must(events[i].kind == others[i].kind && events[i].text == others[i].text && events[i].ok == others[i].ok &&
                   events[i].ours == others[i].ours,
               "cut elsewhere, the same events");
  fuzz::must(terminal::decode_output(text).size() <= text.size(), "what is decoded is not longer");
  auto const word = terminal::tmux_quote(text);
  fuzz::must(word.find('\n') == std::string::npos, "a quoted word is one line");
  return 0;
}
