#include "adapters/acp/record.hpp"

#include <fstream>
#include <system_error>

namespace ar::adapters::acp {

Files files_of(std::filesystem::path const& agent_dir) {
  auto const dir = agent_dir / "acp";
  return {dir, dir / "host.sock", dir / "agent.log", dir / "conversation"};
}

Line line_of(std::string_view text) {
  Line line;
  auto read = parse_object(text);
  if (!read) return line;
  auto const direction = text_at(*read, "d");
  if (direction.size() != 1) return line;
  line.time = text_at(*read, "t");
  line.goes_on = truth_at(*read, "goes_on");
  if (auto const frame = read->find("f"); frame != read->end() && frame->is_object()) line.frame = std::move(*frame);
  line.direction = direction.front();
  return line;
}

bool read_record(std::filesystem::path const& file, std::function<void(std::string_view)> const& take) {
  std::error_code ec;
  if (!std::filesystem::exists(file, ec)) return !ec;
  std::ifstream in(file, std::ios::binary);
  if (!in) return false;
  std::string text;
  while (std::getline(in, text) && !in.eof()) take(text);  // what no line end closes is not whole yet
  return in.eof();
}

}  // namespace ar::adapters::acp
