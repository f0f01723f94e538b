// The frame around a message's body in a provider's prompt (docs/delivery.md):
//
//   [agent-runner 7f3a9c21b0 · message 42 · from alice · kind chat · subject "Build" · reply expected]
//   BODY
//   [end 7f3a9c21b0]
//
// The correlation id is unknown to the sender, so a body cannot close its own frame or open another. The last line is
// plain text, so nothing in the body stands at the end of the input, where composers trim, complete and continue lines.
// Provider-independent; what a provider's input would change is for its adapter to say (InlineRules).
#pragma once
#include "adapters/prompt.hpp"
#include "base/error.hpp"
#include "base/worker.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ar::adapters {

/// What may stand inline in a provider's prompt; anything else goes as a file.
struct InlineRules {
  std::size_t max_bytes = 64U << 10;
  bool newlines = true;         ///< false: single-line input (no bracketed paste)
  bool tabs = false;            ///< false: the composer changes them
  bool trailing_blanks = true;  ///< lines may end in blanks
  bool controls = false;        ///< true: every character is handed on as it is, control characters too
};

/// True when `body` reaches the model byte for byte under these rules. Control characters other than newline (and tab
/// where allowed), DEL and C1 controls never do.
bool fits_inline(std::string_view body, InlineRules const& rules);

struct Envelope {
  std::string text;      ///< what is pasted
  bool as_file = false;  ///< the body does not fit inline: the text says that it is in prompt.body_file
};
/// Frames the prompt. Header fields are made harmless: control characters and brackets in names become '_', long ones
/// are cut.
Envelope frame(Prompt const& prompt, InlineRules const& rules);
/// Puts the body into prompt.body_file (0600), for an envelope that says so.
awaitable<Result<void>> write_body_file(Worker& files, Prompt prompt);

/// The header's start: what a transcript is searched for.
std::string envelope_mark(std::string_view correlation_id);
/// Every correlation id whose envelope header stands in `text`, in order.
std::vector<std::string> correlation_ids_in(std::string_view text);

}  // namespace ar::adapters
