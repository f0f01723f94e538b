#include "adapters/claude/usage_record.hpp"

#include <utility>
#include <vector>

namespace ar::adapters::claude {
namespace {

Usage usage_of(json const& usage) {
  return {.input = token_count(usage, "input_tokens"),
          .output = token_count(usage, "output_tokens"),
          .cache_read = token_count(usage, "cache_read_input_tokens"),
          .cache_write = token_count(usage, "cache_creation_input_tokens")};
}

}  // namespace

UsageRecord::UsageRecord(std::filesystem::path transcript)
    : transcript_(transcript), subagents_dir_(transcript.replace_extension() / "subagents") {}

Result<RecordedUsage> UsageRecord::read() {
  read_subagents();  // first: what they have done belongs to the turn whose end the transcript then shows
  if (auto done = read_on(transcript_); !done) return done.error();
  return usage_;
}

Result<void> UsageRecord::read_on(TranscriptFile& file) {
  for (bool more = true; more;) {
    std::vector<TranscriptFact> facts;
    more = file.read(facts);
    for (auto const& fact : facts) add(fact);
  }
  if (file.unreadable()) return unavailable("unreadable", "cannot read " + file.path().string());
  return {};
}

/// One that cannot be read now is read the next time.
void UsageRecord::read_subagents() {
  std::error_code ec;
  for (std::filesystem::directory_iterator at(subagents_dir_, ec), end; !ec && at != end; at.increment(ec))
    if (at->path().extension() == ".jsonl") (void)read_on(subagents_.try_emplace(at->path(), at->path()).first->second);
}

void UsageRecord::add(TranscriptFact const& fact) {
  using Kind = TranscriptFact::Kind;
  if (!fact.message_id.empty() && fact.usage.is_object()) {
    auto& known = answers_[fact.message_id];
    auto const now = usage_of(fact.usage);
    usage_.total += now;
    usage_.total -= std::exchange(known, now);
  }
  switch (fact.kind) {
    case Kind::prompted:
      // Any but a queued one comes after a turn's end, or its process's, which leaves no line.
      if (fact.text != "queued") close_turn();
      usage_.turn_is_open = true;
      break;
    case Kind::consumed:
    case Kind::assistant: usage_.turn_is_open = true; break;
    case Kind::turn_ended:
    case Kind::failed:
    case Kind::interrupted: close_turn(); break;
    default: break;
  }
}

void UsageRecord::close_turn() {
  if (std::exchange(usage_.turn_is_open, false)) ++usage_.turns;
  usage_.at_turn_end = usage_.total;
}

}  // namespace ar::adapters::claude
