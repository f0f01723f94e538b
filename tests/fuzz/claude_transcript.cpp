// Claude Code's record of a session, and its live state.
#include "adapters/claude/live_state.hpp"
#include "adapters/claude/transcript.hpp"
#include "fuzz/fuzz.hpp"

using namespace ar;
using adapters::claude::Ledger;
using adapters::claude::TranscriptFact;
using adapters::claude::TranscriptReader;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  TranscriptReader whole, cut;
  std::vector<TranscriptFact> facts, others;
  whole.feed(text, facts);
  for (auto const piece : fuzz::pieces_of(text)) cut.feed(piece, others);
  fuzz::must(whole.lines() == cut.lines() && whole.junk() == cut.junk(), "cut elsewhere, the same lines");
  fuzz::must(facts.size() == others.size(), "cut elsewhere, the same number of facts");
  fuzz::must(whole.junk() <= whole.lines(), "no more junk than lines");
  Ledger ledger;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    fuzz::must(facts[i].kind == others[i].kind && facts[i].text == others[i].text &&
                   facts[i].correlation_ids == others[i].correlation_ids,
               "cut elsewhere, the same facts");
    ledger.add(facts[i]);
    if (facts[i].kind != TranscriptFact::Kind::consumed) continue;
    for (auto const& correlation_id : facts[i].correlation_ids)
      fuzz::must(ledger.consumed(correlation_id) && text.find(correlation_id) != std::string_view::npos,
                 "what is consumed was written");
  }
  (void)adapters::claude::parse_live_state(text);
  return 0;
}
