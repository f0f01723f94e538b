#include "adapters/claude/turn_record.hpp"

#include <algorithm>

namespace ar::adapters::claude {

void TurnRecord::add(TranscriptFact const& fact) {
  using Kind = TranscriptFact::Kind;
  if (fact.kind == Kind::consumed &&
      std::ranges::any_of(fact.nonces, [&](auto const& nonce) { return nonces_.contains(nonce); })) {
    in_turn_ = true;
    text_.clear();
    end_.reset();
  }
  if (!in_turn_) return;
  switch (fact.kind) {
    case Kind::assistant:
      end_.reset();  // a hook had it go on
      if (!fact.text.empty()) text_ = fact.text;
      break;
    case Kind::turn_ended:
      if (!end_) end_ = TurnEnded{TurnEnded::Outcome::completed, text_, {}, {}};
      break;
    case Kind::failed: end_ = TurnEnded{TurnEnded::Outcome::failed, text_, fact.error_kind, fact.text}; break;
    case Kind::interrupted:
      end_ = TurnEnded{TurnEnded::Outcome::interrupted, text_, {}, "interrupted by a person"};
      break;
    case Kind::prompted:
      // Queued prompts go into one request together. Any other comes only after a turn's end, or its process's.
      if (end_ || fact.text != "queued") in_turn_ = false;
      break;
    default: break;
  }
}

}  // namespace ar::adapters::claude
