// The line of a provider's own record that shows that it took a message.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ar::adapters {

struct RecordLine {
  std::filesystem::path file;
  std::int64_t number = 0;  ///< of the file's lines; the first is 1
  std::int64_t offset = 0;  ///< of its first byte in the file
  std::string id{};         ///< by which the provider knows it; empty: it has none
  std::string text{};       ///< its bytes, without the line end
};

/// What the line's id is, where the line is the one; it may be empty.
using ProvingLine = std::function<std::optional<std::string>(std::string_view line)>;
/// The first line with those words for which `proves` has an answer. Nothing: there is none, or the file cannot be
/// read. Blocks.
std::optional<RecordLine> find_record_line(std::filesystem::path const& file, std::string_view words,
                                           ProvingLine const& proves);

}  // namespace ar::adapters
