// The frame around a message: whatever its sender says, there is one header, ours, and the body is whole.
#include "adapters/envelope.hpp"

#include "base/json.hpp"
#include "base/unicode.hpp"
#include "fuzz/fuzz.hpp"

using namespace ar;
using namespace ar::adapters;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::Lines lines(fuzz::text_of(data, size));
  Prompt prompt;
  prompt.message_id = 42;
  prompt.correlation_id = "0123456789";
  prompt.from = lines.next();
  prompt.kind = lines.next();
  prompt.subject = lines.next();
  prompt.body = lines.rest();
  InlineRules rules;
  rules.tabs = true;
  if (!fits_inline(prompt.body, rules)) return 0;  // it would be a file
  if (!is_utf8(prompt.from + prompt.kind + *prompt.subject)) return 0;
  auto const envelope = frame(prompt, rules);
  fuzz::must(!envelope.as_file, "what fits is framed");
  auto const& text = envelope.text;
  auto const header = text.substr(0, text.find('\n'));
  fuzz::must(header.starts_with(envelope_mark(prompt.correlation_id)) && header.ends_with("]"),
             "the first line is the header");
  fuzz::must(header.find('[', 1) == std::string::npos && header.find(']') == header.size() - 1,
             "nothing closes it early");
  fuzz::must(text == header + "\n" + prompt.body + "\n[end " + prompt.correlation_id + "]", "the body is whole");
  return 0;
}
