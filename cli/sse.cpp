#include "cli/sse.hpp"

#include <utility>

namespace ar::cli {

std::optional<std::string> EventStreamParser::next_line() {
  auto const end = pending_.find_first_of("\r\n", begin_);
  if (end == std::string::npos || (pending_[end] == '\r' && end + 1 == pending_.size())) {
    // Not whole yet; a final CR may be half of a CRLF.
    pending_.erase(0, begin_);
    begin_ = 0;
    return std::nullopt;
  }
  auto line = pending_.substr(begin_, end - begin_);
  begin_ = end + (pending_.compare(end, 2, "\r\n") == 0 ? 2 : 1);
  return line;
}

std::optional<StreamEvent> EventStreamParser::next() {
  while (auto line = next_line()) {
    if (line->empty()) {
      // Only a whole block counts: a stream that is torn inside one is asked for it again.
      if (next_id_) last_id_ = *std::exchange(next_id_, std::nullopt);
      auto event = std::exchange(event_, {});
      event.id = last_id_;
      if (std::exchange(has_data_, false)) return event;
      continue;
    }
    auto const colon = line->find(':');
    if (colon == 0) continue;
    auto const name = line->substr(0, colon);
    auto value = colon == std::string::npos ? std::string() : line->substr(colon + 1);
    if (value.starts_with(' ')) value.erase(0, 1);
    if (name == "data") {
      if (has_data_) event_.data += '\n';
      event_.data += value;
      has_data_ = true;
    } else if (name == "event") {
      event_.type = std::move(value);
    } else if (name == "id") {
      next_id_ = std::move(value);
    }
  }
  return std::nullopt;
}

}  // namespace ar::cli
