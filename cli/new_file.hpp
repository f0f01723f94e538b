// A file that a verb makes: one that is there already, or a link in its place, is not touched, and what could not be
// written to its end does not stay.
#pragma once
#include "base/error.hpp"

#include <filesystem>
#include <string_view>

namespace ar::cli {

class NewFile {
 public:
  /// 0600. Error: file_exists.
  static Result<NewFile> create(std::filesystem::path file);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  Result<void> write(std::string_view bytes);
  /// It stays.
  void keep() { kept_ = true; }

 private:
  NewFile(std::filesystem::path file, int fd) : file_(std::move(file)), fd_(fd) {}
  std::filesystem::path file_;
  int fd_;
  bool kept_ = false;
};

}  // namespace ar::cli
