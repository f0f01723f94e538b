// What is in a file, as far as it can be read: of /proc, too, where a process may end in the midst of it.
#pragma once
#include <array>
#include <filesystem>
#include <fstream>
#include <string>

namespace ar::test {

/// Empty when there is none. (Through read(), which does not throw as stream iterators do.)
inline std::string file_text(std::filesystem::path const& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text;
  for (std::array<char, 4096> part; in.good();) {
    in.read(part.data(), part.size());
    text.append(part.data(), static_cast<std::size_t>(in.gcount()));
  }
  return text;
}

}  // namespace ar::test
