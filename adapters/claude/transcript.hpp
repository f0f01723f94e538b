// Reads a Claude Code session's transcript ($CFG/projects/DIR/SESSION.jsonl) as it grows: the ledger of what
// the model was given. Pure: bytes in, facts out.
//
// What was measured: a prompt taken while idle, or from the queue after a turn, is a `user` record; one that
// is injected while a tool runs is an `attachment` of type queued_command; one that merely waits in the CLI's
// queue is a `queue-operation` enqueue line, and that queue dies with the process.
#pragma once
#include "base/json.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ar::adapters::claude {

struct TranscriptFact {
  enum class Kind {
    prompted,     ///< a prompt is taken; `text`: "typed", "queued" (in the CLI itself), ...
    consumed,     ///< the model is given `text`; `correlation_ids`: whole envelopes in it
    enqueued,     ///< waits in the CLI's own queue
    unqueued,     ///< left the queue, to be consumed or edited; `correlation_ids` empty: the oldest one
    interrupted,  ///< a person, or we, pressed Escape
    assistant,    ///< the model's text in `text`, its `usage` as the message `message_id`
    subagent,     ///< the same of a subagent's model, without a text
    failed,       ///< the turn has failed: `text`, `error_kind`
    turn_ended,   ///< by itself; unless the model goes on after it, where `text` is no "turn_duration"
  };
  Kind kind;
  std::vector<std::string> correlation_ids{};
  std::string text{};
  std::string message_id{};
  json usage{};
  std::string error_kind{};
};

class TranscriptReader {
 public:
  /// Takes the next bytes of the file, cut anywhere, and appends what the completed lines say.
  void feed(std::string_view bytes, std::vector<TranscriptFact>& facts);
  /// Lines read, and lines that were no JSON or too long (64 MiB): skipped, and counted here.
  std::size_t lines() const { return lines_; }
  std::size_t junk() const { return junk_; }

 private:
  void line(std::string_view text, std::vector<TranscriptFact>& facts);
  std::string rest_;
  bool skipping_ = false;
  std::size_t lines_ = 0, junk_ = 0;
};

/// What the record as a whole says about envelopes: the union of the facts so far.
class Ledger {
 public:
  void add(TranscriptFact const& fact);
  bool consumed(std::string const& correlation_id) const { return consumed_.contains(correlation_id); }
  bool queued(std::string const& correlation_id) const;

 private:
  std::set<std::string> consumed_;
  std::vector<std::vector<std::string>> queue_;  ///< per queued prompt its correlation ids, oldest first
};

/// Follows one file from an offset; not there: nothing yet. A file that shrank is read from its start again.
class TranscriptFile {
 public:
  explicit TranscriptFile(std::filesystem::path path, std::uint64_t from = 0) : path_(std::move(path)), offset_(from) {}
  /// Reads at most `limit` bytes of what has been appended; true when there may be more.
  bool read(std::vector<TranscriptFact>& facts, std::size_t limit = 8U << 20);
  /// It could not be read to its end the last time: what it holds is not known.
  bool unreadable() const { return unreadable_; }
  std::filesystem::path const& path() const { return path_; }
  TranscriptReader const& reader() const { return reader_; }

 private:
  std::filesystem::path path_;
  std::uint64_t offset_;
  bool unreadable_ = false;
  TranscriptReader reader_;
};

/// The uuid of a line with which the model is given that envelope; nothing: it is none.
std::optional<std::string> consuming_line_id(std::string_view line, std::string const& correlation_id);

/// Correlation ids whose whole envelope (header and matching end line) stands in `text`.
std::vector<std::string> whole_envelopes(std::string_view text);

}  // namespace ar::adapters::claude
