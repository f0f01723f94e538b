#include "adapters/envelope.hpp"

#include "base/paths.hpp"
#include "base/unicode.hpp"

#include <algorithm>

namespace ar::adapters {
using namespace std::string_view_literals;
namespace {

constexpr std::string_view kMark = "[agent-runner ";
constexpr std::size_t kCorrelationIdLength = 10;

bool is_correlation_id(std::string_view text) {
  return text.size() == kCorrelationIdLength &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// A header field: one line, no brackets, nothing that separates fields, cut between characters when longer than `most`
/// bytes.
std::string field(std::string_view value, std::size_t most = 80) {
  std::string out;
  for (Symbol symbol; !value.empty(); value.remove_prefix(symbol.bytes)) {
    symbol = first_symbol(value);
    bool const separates = U"[]\"\u00B7"sv.find(symbol.code) != std::u32string_view::npos;
    bool const breaks = symbol.code < 0x20 || is_unseen(symbol.code) || separates;
    out += breaks ? "_" : value.substr(0, symbol.bytes);
  }
  return out.size() > most ? std::string(cut_utf8(out, most)) + "..." : out;
}

std::string header(Prompt const& prompt) {
  std::string text = envelope_mark(prompt.correlation_id);
  if (prompt.message_id > 0) text += " · message " + std::to_string(prompt.message_id);
  text += " · from " + field(prompt.from) + " · kind " + field(prompt.kind);
  if (prompt.subject) text += " · subject \"" + field(*prompt.subject) + "\"";
  if (prompt.urgent) text += " · urgent";
  if (prompt.reply_requested) text += " · reply expected";
  return text + "]\n";
}

}  // namespace

bool fits_inline(std::string_view body, InlineRules const& rules) {
  if (body.size() > rules.max_bytes) return false;
  if (rules.controls) return true;
  for (std::size_t i = 0; i < body.size(); ++i) {
    auto const c = static_cast<unsigned char>(body[i]);
    if (c == '\n') {
      if (!rules.newlines) return false;
      if (!rules.trailing_blanks && i > 0 && body[i - 1] == ' ') return false;
    } else if (c == '\t') {
      if (!rules.tabs) return false;
    } else if (c < 0x20 || c == 0x7f) {
      return false;
    } else if (c == 0xC2 && i + 1 < body.size() && static_cast<unsigned char>(body[i + 1]) < 0xA0) {
      return false;
    }
  }
  return rules.trailing_blanks || body.empty() || body.back() != ' ';
}

Envelope frame(Prompt const& prompt, InlineRules const& rules) {
  Envelope envelope;
  envelope.text = header(prompt);
  if (fits_inline(prompt.body, rules)) {
    envelope.text += prompt.body;
  } else {
    envelope.as_file = true;
    envelope.text += "The body (" + std::to_string(prompt.body.size()) +
                     " bytes) is the exact content of this file: " + prompt.body_file.string();
  }
  for (auto const& attachment : prompt.attachments) envelope.text += "\n[attachment: " + field(attachment, 4096) + "]";
  envelope.text += "\n[end " + prompt.correlation_id + "]";
  if (!rules.newlines) std::ranges::replace(envelope.text, '\n', ' ');
  return envelope;
}

awaitable<Result<void>> write_body_file(Worker& files, Prompt prompt) {
  // The conversation may outlive a power cut, and then nobody writes this file again.
  auto job = [prompt = std::move(prompt)] { return write_file_to_disk(prompt.body_file, prompt.body); };
  auto written = co_await files.run(std::move(job));
  co_return written;
}

std::string envelope_mark(std::string_view correlation_id) { return std::string(kMark) + std::string(correlation_id); }

std::vector<std::string> correlation_ids_in(std::string_view text) {
  std::vector<std::string> found;
  for (auto at = text.find(kMark); at != std::string_view::npos; at = text.find(kMark, at + 1)) {
    auto const correlation_id = text.substr(at + kMark.size(), kCorrelationIdLength);
    if (is_correlation_id(correlation_id)) found.emplace_back(correlation_id);
  }
  return found;
}

}  // namespace ar::adapters
