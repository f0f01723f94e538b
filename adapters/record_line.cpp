#include "adapters/record_line.hpp"

#include <fstream>

namespace ar::adapters {

std::optional<RecordLine> find_record_line(std::filesystem::path const& file, std::string_view words,
                                           ProvingLine const& proves) {
  std::ifstream in(file, std::ios::binary);
  RecordLine line{.file = file};
  while (std::getline(in, line.text)) {
    ++line.number;
    bool const whole = !in.eof();  // one without a line end is still being written
    if (whole && line.text.find(words) != std::string::npos)
      if (auto id = proves(line.text)) {
        line.id = std::move(*id);
        return line;
      }
    line.offset += static_cast<std::int64_t>(line.text.size()) + 1;
  }
  return std::nullopt;
}

}  // namespace ar::adapters
