// Writes the record of an agent's frames (adapters/acp/record.hpp): DIR/record-N.jsonl, 0600. A file that has grown
// large is followed by another one, and only the newest two are kept.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ar::acp_host {

class RecordWriter {
 public:
  explicit RecordWriter(std::string dir) : dir_(std::move(dir)) {}
  ~RecordWriter();
  RecordWriter(RecordWriter const&) = delete;
  RecordWriter& operator=(RecordWriter const&) = delete;

  /// Opens the newest one, or begins the next where that is large. False: errno says why.
  bool open(std::string const& agent);
  /// One frame; `raw` is one line of JSON. False: it is not on the disk, and must not go on.
  bool frame(char direction, std::string_view raw);
  bool ended(int status);
  bool not_a_frame(std::string_view text);
  /// The frames that the next file begins with, for readers who come later.
  void keep(char direction, std::string_view raw);
  /// While nothing is under way: begins the next file if this one is large.
  void rotate_if_large(std::string const& agent);

  std::string const& name() const { return name_; }  ///< of the file: record-3.jsonl
  std::string path() const { return dir_ + "/" + name_; }
  /// Where this process's lines begin in it, and where those that it does not share with the file before begin.
  std::uint64_t begin() const { return begin_; }
  std::uint64_t fresh() const { return fresh_; }
  std::uint64_t size() const { return size_; }

 private:
  bool next(std::string const& agent, bool goes_on);
  bool line(std::string const& text);

  std::string const dir_;
  std::string name_{};
  std::vector<std::string> kept_{};
  int fd_ = -1;
  int number_ = 0;
  std::uint64_t begin_ = 0, fresh_ = 0, size_ = 0;
};

}  // namespace ar::acp_host
