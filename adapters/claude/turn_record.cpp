#include "adapters/claude/turn_record.hpp"

#include <algorithm>
#include <array>

namespace ar::adapters::claude {

/// "server_error" is its word for all that is wrong with the service.
std::string exact_error_kind(std::string kind, std::string_view text) {
  auto const says = [text](std::string_view words) { return text.find(words) != std::string_view::npos; };
  // It has no word of its own for "payment required".
  if (kind == "unknown" && says("API Error: 402")) return "billing_error";
  if (kind != "server_error" && kind != "unknown" && !kind.empty()) return kind;
  if (says("API Error: 529") || says("overloaded_error") || says("Overloaded")) return "overloaded";
  constexpr std::array<std::string_view, 7> kNoWay{
      "Unable to connect", "Connection error", "Connection refused", "ECONN", "ENOTFOUND", "ETIMEDOUT", "EAI_AGAIN"};
  if (std::ranges::any_of(kNoWay, says)) return "connection_failed";
  return kind;
}

TurnEnded failed_turn(std::string kind, std::string text) {
  TurnEnded end;
  end.outcome = TurnEnded::Outcome::failed;
  end.error_kind = exact_error_kind(std::move(kind), text);
  end.error = std::move(text);
  return end;
}

void TurnRecord::add(TranscriptFact const& fact) {
  using Kind = TranscriptFact::Kind;
  if (fact.kind == Kind::consumed && std::ranges::any_of(fact.correlation_ids, [&](auto const& correlation_id) {
        return correlation_ids_.contains(correlation_id);
      })) {
    if (!in_turn_ || end_) did_nothing_ = true;  // else it was given more in the middle
    in_turn_ = true;
    text_.clear();
    end_.reset();
  }
  if (!in_turn_) return;
  switch (fact.kind) {
    case Kind::assistant:
      did_nothing_ = false;
      end_.reset();  // a hook had it go on
      if (!fact.text.empty()) text_ = fact.text;
      break;
    case Kind::turn_ended:
      if (!end_) end_ = TurnEnded{TurnEnded::Outcome::completed, text_, {}, {}};
      break;
    case Kind::failed:
      end_ = failed_turn(fact.error_kind, fact.text);
      end_->final_text = text_;
      end_->did_nothing = did_nothing_;
      break;
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
