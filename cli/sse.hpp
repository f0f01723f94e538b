// Reads the text/event-stream format (WHATWG HTML, 9.2) from bytes as they come.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace ar::cli {

struct StreamEvent {
  std::string id{};    ///< the last id seen so far, as the format says
  std::string type{};  ///< empty: "message"
  std::string data;
};

class EventStreamParser {
 public:
  void feed(std::string_view bytes) { pending_ += bytes; }
  /// The next whole event, or nothing until more bytes come. Comments (keep-alives) and events without data
  /// are passed over.
  std::optional<StreamEvent> next();
  std::string const& last_id() const { return last_id_; }

 private:
  std::optional<std::string> next_line();
  std::string pending_;
  std::size_t begin_ = 0;
  std::string last_id_;
  std::optional<std::string> next_id_;
  StreamEvent event_;
  bool has_data_ = false;
};

}  // namespace ar::cli
