#include "adapters/claude/transcript.hpp"

#include "adapters/claude/messaging_socket.hpp"
#include "adapters/envelope.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace ar::adapters::claude {
namespace {

constexpr std::size_t kLongestLine = 64U << 20;

/// The text a person or we typed: the content itself, or its text blocks. Tool results are not: a tool may
/// print an envelope that it read elsewhere.
std::vector<std::string> texts_of(json const& content) {
  if (content.is_string()) return {content.get<std::string>()};
  std::vector<std::string> texts;
  if (content.is_array())
    for (auto const& block : content)
      if (text_at(block, "type") == "text") texts.push_back(text_at(block, "text"));
  return texts;
}

/// `uuid`: of its record, which is ours where it came by the messaging socket.
void consumed(std::string text, std::string const& uuid, std::vector<TranscriptFact>& facts) {
  TranscriptFact fact{.kind = TranscriptFact::Kind::consumed, .correlation_ids = whole_envelopes(text)};
  if (auto ours = correlation_id_of_record(uuid);
      !ours.empty() && std::ranges::find(fact.correlation_ids, ours) == fact.correlation_ids.end())
    fact.correlation_ids.push_back(std::move(ours));
  if (fact.correlation_ids.empty()) return;
  fact.text = std::move(text);
  facts.push_back(std::move(fact));
}

void read_user(json const& record, std::vector<TranscriptFact>& facts) {
  // A compaction's summary may quote envelopes; a subagent's prompts are not ours.
  if (truth_at(record, "isCompactSummary") || truth_at(record, "isSidechain")) return;
  auto const message = record.find("message");
  if (message == record.end() || !message->is_object() || !message->contains("content")) return;
  if (auto source = text_at(record, "promptSource"); !source.empty())
    facts.push_back({.kind = TranscriptFact::Kind::prompted, .text = std::move(source)});
  for (auto& text : texts_of((*message)["content"])) {
    if (text.starts_with("[Request interrupted by user"))
      facts.push_back({.kind = TranscriptFact::Kind::interrupted});
    else
      consumed(std::move(text), text_at(record, "uuid"), facts);
  }
}

void read_assistant(json const& record, std::vector<TranscriptFact>& facts) {
  auto const message = record.find("message");
  if (message == record.end() || !message->is_object() || !message->contains("content")) return;
  bool const is_subagent = truth_at(record, "isSidechain");
  TranscriptFact fact{.kind = is_subagent ? TranscriptFact::Kind::subagent : TranscriptFact::Kind::assistant};
  if (!is_subagent)
    for (auto const& text : texts_of((*message)["content"])) fact.text += text;
  if (truth_at(record, "isApiErrorMessage")) {
    if (is_subagent) return;
    fact.kind = TranscriptFact::Kind::failed;
    fact.error_kind = text_at(record, "error");
  } else if (text_at(*message, "model") == "<synthetic>") {
    return;  // what a resumed session puts in place of the answer that its end cut off
  }
  fact.message_id = text_at(*message, "id");
  if (message->contains("usage") && (*message)["usage"].is_object()) fact.usage = (*message)["usage"];
  facts.push_back(std::move(fact));
}

void read_queue_operation(json const& record, std::vector<TranscriptFact>& facts) {
  auto const enqueue = text_at(record, "operation") == "enqueue";
  auto const content = text_at(record, "content");
  TranscriptFact fact{.kind = enqueue ? TranscriptFact::Kind::enqueued : TranscriptFact::Kind::unqueued,
                      .correlation_ids = whole_envelopes(content),
                      .text = content};
  facts.push_back(std::move(fact));
}

void read_attachment(json const& record, std::vector<TranscriptFact>& facts) {
  auto const attachment = record.find("attachment");
  if (attachment == record.end() || text_at(*attachment, "type") != "queued_command") return;
  auto const prompt = attachment->find("prompt");
  if (prompt == attachment->end()) return;
  for (auto& text : texts_of(*prompt)) consumed(std::move(text), text_at(*attachment, "source_uuid"), facts);
}

}  // namespace

std::vector<std::string> whole_envelopes(std::string_view text) {
  auto found = correlation_ids_in(text);
  std::erase_if(found, [&](std::string const& correlation_id) {
    return text.find("[end " + correlation_id + "]") == std::string_view::npos;
  });
  return found;
}

void TranscriptReader::feed(std::string_view bytes, std::vector<TranscriptFact>& facts) {
  while (!bytes.empty()) {
    auto const end = bytes.find('\n');
    auto const part = bytes.substr(0, end);
    if (!skipping_) {
      if (rest_.size() + part.size() > kLongestLine) {
        skipping_ = true;
        rest_.clear();
        rest_.shrink_to_fit();
      } else if (end == std::string_view::npos || !rest_.empty()) {
        rest_ += part;
      }
    }
    if (end == std::string_view::npos) return;
    ++lines_;
    if (skipping_)
      ++junk_;
    else
      line(rest_.empty() ? part : std::string_view(rest_), facts);
    skipping_ = false;
    rest_.clear();
    bytes.remove_prefix(end + 1);
  }
}

void TranscriptReader::line(std::string_view text, std::vector<TranscriptFact>& facts) {
  if (text.empty()) return;
  if (text.front() != '{' || text.back() != '}') {
    ++junk_;
    return;
  }
  // Most lines are tool results and snapshots that say nothing to us; looking for a word is 50 times cheaper
  // than parsing them.
  auto const has = [&](std::string_view word) { return text.find(word) != std::string_view::npos; };
  if (!has(envelope_mark("")) && !has("\"queue-operation\"") && !has("\"type\":\"assistant\"") &&
      !has("[Request interrupted by user") && !has("\"turn_duration\"") && !has("\"stop_hook_summary\"") &&
      !has("\"promptSource\""))
    return;
  auto const parsed = parse_object(text);
  if (!parsed) {
    ++junk_;
    return;
  }
  auto const& record = *parsed;
  auto const type = text_at(record, "type");
  if (type == "user")
    read_user(record, facts);
  else if (type == "assistant")
    read_assistant(record, facts);
  else if (type == "queue-operation")
    read_queue_operation(record, facts);
  else if (type == "attachment")
    read_attachment(record, facts);
  else if (auto const subtype = text_at(record, "subtype");
           type == "system" && !truth_at(record, "isSidechain") &&
           (subtype == "turn_duration" || subtype == "stop_hook_summary"))
    facts.push_back({.kind = TranscriptFact::Kind::turn_ended, .text = subtype});
}

std::optional<std::string> consuming_line_id(std::string_view line, std::string const& correlation_id) {
  TranscriptReader reader;
  std::vector<TranscriptFact> facts;
  reader.feed(std::string(line) + "\n", facts);
  auto const gives = [&](TranscriptFact const& fact) {
    return fact.kind == TranscriptFact::Kind::consumed &&
           std::ranges::find(fact.correlation_ids, correlation_id) != fact.correlation_ids.end();
  };
  if (std::ranges::none_of(facts, gives)) return std::nullopt;
  auto const record = parse_object(line);
  return record ? text_at(*record, {"uuid"}) : std::string();
}

void Ledger::add(TranscriptFact const& fact) {
  switch (fact.kind) {
    case TranscriptFact::Kind::consumed:
      for (auto const& correlation_id : fact.correlation_ids) {
        consumed_.insert(correlation_id);
        std::erase_if(queue_,
                      [&](auto const& entry) { return std::ranges::find(entry, correlation_id) != entry.end(); });
      }
      break;
    case TranscriptFact::Kind::enqueued: queue_.push_back(fact.correlation_ids); break;
    case TranscriptFact::Kind::unqueued: {
      auto at = fact.text.empty() ? queue_.begin() : std::ranges::find(queue_, fact.correlation_ids);
      if (at != queue_.end()) queue_.erase(at);
      break;
    }
    default: break;
  }
}

bool Ledger::queued(std::string const& correlation_id) const {
  return std::ranges::any_of(
      queue_, [&](auto const& entry) { return std::ranges::find(entry, correlation_id) != entry.end(); });
}

bool TranscriptFile::read(std::vector<TranscriptFact>& facts, std::size_t limit) {
  struct Closer {
    int fd;
    ~Closer() {
      if (fd >= 0) ::close(fd);
    }
  } const file{::open(path_.c_str(), O_RDONLY | O_CLOEXEC)};
  unreadable_ = file.fd < 0 && errno != ENOENT;
  if (file.fd < 0) return false;
  struct stat info{};
  if (::fstat(file.fd, &info) == 0 && static_cast<std::uint64_t>(info.st_size) < offset_) {
    offset_ = 0;
    reader_ = TranscriptReader();
  }
  constexpr std::size_t kChunk = 256U << 10;
  auto const buffer = std::make_unique<char[]>(kChunk);
  for (std::size_t total = 0; total < limit;) {
    auto const n = ::pread(file.fd, buffer.get(), kChunk, static_cast<off_t>(offset_));
    if (n < 0 && errno == EINTR) continue;
    unreadable_ = n < 0;
    if (n <= 0) return false;
    offset_ += static_cast<std::uint64_t>(n);
    total += static_cast<std::size_t>(n);
    reader_.feed({buffer.get(), static_cast<std::size_t>(n)}, facts);
  }
  return true;
}

}  // namespace ar::adapters::claude
