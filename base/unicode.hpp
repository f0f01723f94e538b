// UTF-8 a character at a time, and the characters that do something to what is shown without being seen.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace ar {

/// True for well-formed UTF-8: what is not cannot be stored or sent as JSON.
bool is_utf8(std::string_view text);
/// The beginning of a UTF-8 text in at most so many bytes, cut between characters.
std::string_view cut_utf8(std::string_view text, std::size_t most);

struct Symbol {
  char32_t code;  ///< U+FFFD where the bytes are ill-formed
  std::size_t bytes;
  bool well_formed;
};

/// The first character of a text that is not empty.
Symbol first_symbol(std::string_view text);

/// Begins an escape sequence, ends a line or turns the direction of writing: DEL, the C1 controls, U+2028 to U+202E,
/// U+2066 to U+2069. The C0 controls are not among them: whoever shows text knows which of these it takes.
bool steers_display(char32_t code);

/// Nobody sees it, and it changes how the rest is read: what steers a display, and the marks of direction and of byte
/// order.
bool is_unseen(char32_t code);

/// Empty when the text may stand in one line of a header (some UTF-8, nothing unseen), else what is wrong with it.
std::string line_problem(std::string_view text);
/// One line of a log: nothing in it ends the line or steers a terminal.
std::string log_line(std::string_view text);
/// JSON text of the same value that steers no terminal. nlohmann has escaped the C0 controls already.
std::string shown_json(std::string_view text);

}  // namespace ar
