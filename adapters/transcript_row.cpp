#include "adapters/transcript_row.hpp"

#include <algorithm>
#include <fstream>
#include <string>

namespace ar::adapters {
namespace {
constexpr std::size_t kPageBytes = 1U << 20;
constexpr std::size_t kLongestLine = 64U << 20;  ///< a longer one is left out
constexpr std::size_t kChunk = 1U << 20;

std::size_t bytes_of(TranscriptRow const& row) {
  return row.text.size() + (row.tool.is_null() ? 0 : to_text(row.tool).size());
}

}  // namespace

json to_json(TranscriptRow const& row) {
  json shown = {{"seq", row.seq}, {"time", nullptr}, {"role", row.role}, {"type", row.type}, {"text", row.text}};
  if (!row.time.empty()) shown["time"] = row.time;
  if (!row.tool.is_null()) shown["tool"] = row.tool;
  if (row.subagent) shown["subagent"] = true;
  return shown;
}

TranscriptPage read_transcript(std::filesystem::path const& file, std::int64_t cursor, std::size_t limit,
                               TranscriptParser const& parse) {
  TranscriptPage page;
  page.cursor = cursor;
  std::ifstream in(file, std::ios::binary);
  if (!in) return page;
  in.seekg(0, std::ios::end);
  page.cursor = std::min(cursor, static_cast<std::int64_t>(in.tellg()));
  in.seekg(page.cursor);
  std::string line, chunk(kChunk, '\0');
  std::int64_t begin = page.cursor, at = page.cursor;  // of the line, and of what has been read of the file
  bool too_long = false;
  std::size_t bytes = 0;
  while (in.read(chunk.data(), static_cast<std::streamsize>(chunk.size())), in.gcount() > 0) {
    std::string_view left(chunk.data(), static_cast<std::size_t>(in.gcount()));
    for (auto end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
      page.more = page.rows.size() >= limit || bytes > kPageBytes;
      if (page.more) return page;
      if (line.size() + end <= kLongestLine)
        line += left.substr(0, end);
      else
        too_long = true;
      auto const first = page.rows.size();
      if (!too_long) parse(line, page.rows);
      for (auto i = first; i < page.rows.size(); ++i) {
        page.rows[i].seq = begin + static_cast<std::int64_t>(i - first);
        bytes += bytes_of(page.rows[i]);
      }
      at += static_cast<std::int64_t>(end) + 1;
      left.remove_prefix(end + 1);
      page.cursor = begin = at;
      line.clear();
      too_long = false;
    }
    at += static_cast<std::int64_t>(left.size());
    if (line.size() + left.size() <= kLongestLine)
      line += left;
    else
      too_long = true;
  }
  return page;
}

}  // namespace ar::adapters
