// The contents of one agent's outputs: each once, in a file that has its SHA-256 as its name, in a folder of their own
// (0700, the files 0600). What lists them is in the journal, and written after the files.
#pragma once
#include "base/error.hpp"
#include "base/paths.hpp"
#include "daemon/outputs/open_below.hpp"

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

namespace ar::daemon {

std::filesystem::path output_store_dir(Paths const& paths, std::string const& agent);

/// All of it blocks. One at a time may write; reading goes beside.
class OutputStore {
 public:
  explicit OutputStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// A file that is being written; gone at its end, unless it was kept.
  class Draft {
   public:
    Draft(std::filesystem::path path, OpenFile file) : path_(std::move(path)), file_(std::move(file)) {}
    Draft(Draft&& other) noexcept : path_(std::exchange(other.path_, {})), file_(std::move(other.file_)) {}
    ~Draft();
    int fd() const { return file_.fd(); }

   private:
    friend class OutputStore;
    std::filesystem::path path_;
    OpenFile file_;
  };

  Result<void> make() const { return make_private_dir(folder_); }
  Result<Draft> begin() const;
  Result<void> keep(Draft draft, std::string const& sha256) const;
  bool has(std::string const& sha256) const;
  /// What was kept is on the disk when this returns.
  void flush() const;
  /// Error: output_lost, where there is none of that many bytes.
  Result<OpenFile> open(std::string const& sha256, std::int64_t bytes) const;
  /// Removes all but these: what was replaced, and what a daemon left that died in the midst.
  void sweep(std::set<std::string> const& kept) const;

 private:
  std::filesystem::path folder_;
};

/// A file without a name, in that folder or beside: gone when it is closed.
Result<OpenFile> unnamed_file(std::filesystem::path const& folder);

}  // namespace ar::daemon
