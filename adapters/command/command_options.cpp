#include "adapters/command/command_options.hpp"

#include "adapters/provider_table.hpp"

namespace ar::adapters::command {
namespace {

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

Result<Pattern> filled(std::string pattern, std::string const& correlation_id, std::int64_t message_id) {
  replace_all(pattern, "{correlation_id}", correlation_id);
  replace_all(pattern, "{id}", std::to_string(message_id));
  return Pattern::compile("proof.pattern", pattern);
}

/// A sign of the program: {pattern = "..."}, {api = true}, or "api"; a proof may name its receipts too.
struct Sign {
  std::string pattern;
  bool api = false;
  std::string receipts{};
};
Result<Sign> read_sign(json const& table, char const* name) {
  Sign sign;
  auto const found = table.find(name);
  if (found == table.end() || found->is_null()) return sign;
  if (found->is_string() && *found == "api") {
    sign.api = true;
    return sign;
  }
  if (!found->is_object()) return invalid(name, std::string(name) + " must be {pattern = \"...\"} or \"api\"");
  FieldReader in(*found, std::string(name) + ".");
  sign.pattern = in.string("pattern");
  sign.api = in.boolean("api");
  if (std::string_view(name) == "proof") sign.receipts = in.string("receipts");
  if (auto error = in.finish()) return *error;
  return sign;
}

Result<std::optional<Pattern>> maybe_pattern(std::string const& field, std::string const& expression) {
  if (expression.empty()) return std::optional<Pattern>();
  auto pattern = Pattern::compile(field, expression);
  if (!pattern) return pattern.error();
  return std::optional<Pattern>(std::move(*pattern));
}

/// A pattern that fits the frame as we type it would take the terminal's echo for a proof.
std::optional<Error> refuse_proof(std::string const& expression) {
  if (expression.find("{correlation_id}") == std::string::npos)
    return invalid(
        "proof.pattern",
        "proof.pattern must hold {correlation_id} ({nonce} before): nothing else is unknown to a message's sender");
  auto const sample = filled(expression, "0123456789", 7);
  if (!sample) return sample.error();
  for (auto const* line : {"[agent-runner 0123456789 · message 7 · from a · kind b]", "[end 0123456789]"})
    if (sample->matches(line))
      return invalid("proof.pattern",
                     "proof.pattern fits the message's own frame, so that its echo would count as proof; let "
                     "it hold a word of the program's, such as \"took {correlation_id}\"");
  return std::nullopt;
}

}  // namespace

std::optional<Pattern> Options::proof_of(std::string const& correlation_id, std::int64_t message_id) const {
  if (proof_pattern.empty()) return std::nullopt;
  auto pattern = filled(proof_pattern, correlation_id, message_id);
  if (!pattern) return std::nullopt;  // it compiled with other digits in read_options
  return std::move(*pattern);
}

Result<Options> read_options(json const& table) {
  Options options;
  FieldReader in(table);
  options.command = in.strings("command");
  auto const ready = in.object("ready");
  auto const paste = in.string("paste", "plain");
  options.enter = in.string("enter", "Enter");
  options.enter_delay = milliseconds(in.integer("enter_delay_ms", 0, 0, 10'000));
  options.proof_complete = in.boolean("proof_complete");
  options.proof_timeout = milliseconds(in.integer("proof_timeout_ms", 10'000, 1, 3'600'000));
  auto const max_inline = in.maybe_integer("max_inline_bytes");
  options.quit_keys = in.strings("quit_keys");
  if (paste != "plain" && paste != "lines" && paste != "bracketed")
    in.fail("paste", "paste must be \"plain\", \"lines\" or \"bracketed\", not \"" + paste + "\"");
  if (max_inline && (*max_inline < 0 || *max_inline > (1 << 20)))
    in.fail("max_inline_bytes", "max_inline_bytes must be from 0 to 1048576");
  for (auto const* read_elsewhere : {"proof", "turn_end", "env"}) in.ignore(read_elsewhere);
  read_daemons_keys(in);
  if (auto error = in.finish()) return *error;

  bool const bracketed = paste == "bracketed", plain = paste == "plain";
  options.inline_rules.newlines = !plain;
  options.inline_rules.max_bytes = static_cast<std::size_t>(max_inline.value_or(plain       ? 2'000
                                                                                : bracketed ? 65'536
                                                                                            : 16'384));
  options.longest_line = bracketed ? 0 : 4'000;  // a terminal in line mode drops what exceeds 4095 bytes

  FieldReader ready_in(ready, "ready.");
  auto const ready_expression = ready_in.string("pattern");
  if (auto error = ready_in.finish()) return *error;
  auto ready_pattern = maybe_pattern("ready.pattern", ready_expression);
  if (!ready_pattern) return ready_pattern.error();
  options.ready = std::move(*ready_pattern);

  auto const proof = read_sign(table, "proof");
  if (!proof) return proof.error();
  options.proof_api = proof->api;
  options.proof_pattern = proof->pattern;
  options.receipts = proof->receipts;
  if (!options.receipts.empty() && !options.has_proof())
    return invalid("proof.receipts",
                   "proof.receipts needs proof.pattern or proof.api beside it, which tells at once what "
                   "the file tells afterwards");
  if (!proof->pattern.empty())
    if (auto error = refuse_proof(proof->pattern)) return *error;
  if (options.proof_complete && !options.has_proof())
    return invalid("proof_complete", "proof_complete needs a proof that it speaks of");

  auto const turn_end = read_sign(table, "turn_end");
  if (!turn_end) return turn_end.error();
  options.turn_end_api = turn_end->api;
  auto end_pattern = maybe_pattern("turn_end.pattern", turn_end->pattern);
  if (!end_pattern) return end_pattern.error();
  options.turn_end = std::move(*end_pattern);
  return options;
}

}  // namespace ar::adapters::command
