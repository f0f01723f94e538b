// tmux's control-mode protocol as values: bytes in, events out. Pure.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ar::terminal {

struct ControlEvent {
  enum class Kind {
    reply,         ///< one command's %begin..%end or %error block; `text` is its body
    notification,  ///< a %line outside of a block; `text` is the whole line
    stray,         ///< a line that belongs to neither: what the client says before it gives up
  };
  Kind kind;
  std::string text;
  bool ok = true;     ///< reply: it ended in %end
  bool ours = false;  ///< reply: to a command that came through this client's input
};

/// Lines that a program's screen shows may look like any of the protocol's. So what holds a screen is fenced: it stands
/// between two replies that say words which no program knows, and is one reply whatever it looks like.
struct Fence {
  std::string open, close;
  /// These commands as one line, fenced. When one of them fails there is no closing word.
  std::string around(std::string_view command) const;
};

class ControlParser {
 public:
  /// `secret`: random; the fence's words and those that end a call are made of it.
  explicit ControlParser(std::string secret = {});
  /// The events completed by these bytes, in order. Never fails: what cannot be understood is `stray`. A line
  /// or a body longer than 16 MiB is cut.
  std::vector<ControlEvent> feed(std::string_view bytes);

 private:
  void line(std::string_view text, std::vector<ControlEvent>& events);
  void fenced(std::string_view text, std::vector<ControlEvent>& events);
  std::string const secret_;
  Fence const fence_;
  std::string partial_;
  bool in_fence_ = false;
  std::vector<std::string> fenced_{};  ///< lines, the protocol's own around the screen's among them
  std::size_t fenced_bytes_ = 0;
  bool in_block_ = false;
  std::string guard_;  ///< "TIME NUMBER FLAGS" of the open block: a body may hold lines that look like an end
  std::string body_;
};

/// The words that fence a screen, made of a secret.
Fence fence_of(std::string const& secret);
/// Any bytes but NUL as one word of tmux's command language, on one line.
std::string tmux_quote(std::string_view text);
/// The bytes that an %output line stands for.
std::string decode_output(std::string_view escaped);

}  // namespace ar::terminal
