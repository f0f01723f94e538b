// How a `command` agent is described: the [providers.command] table, overridden per agent.
//
//   command           list of strings: the program and its arguments; none: what follows `--`, else the demo agent
//   ready.pattern     regular expression on a line of its screen; none: ready when it reads keys and is silent, or
//                     waits for a line, or has been silent for 10 s
//   paste             how it takes text. "plain": one line per message, for it reads line by line; a body of several
//                     lines goes as a file (default). "lines": it reads line by line and knows our frame, which spans
//                     lines. "bracketed": it asks its terminal for bracketed paste
//   enter             the key that submits (Enter); "": none
//   enter_delay_ms    between text and key (0: one uninterruptible write)
//   proof.pattern     a line that shows that it took a message; holds {correlation_id}, may hold {id}
//   proof.api         true: it says so itself, by the hook MessageAccepted {correlationId or messageId}. Also:
//                     proof = "api"
//   proof.receipts    its own record, beside one of the two above: a file (relative: in the agent's own folder) whose
//                     path it finds in AGENT_RUNNER_RECEIPTS. It appends one line that begins with the message's
//                     correlation id, in one write, before it shows its proof or acts; it takes no message of which
//                     it could not write the line. The file tells of what nobody saw: a proof shown while no daemon
//                     ran, also by a program that has died since
//   proof_timeout_ms  how long the proof may take (10000); after that the message is `unknown`
//   proof_complete    true: without its proof nothing has happened, so that after its end the message may be handed
//                     again. It must have let the proof reach its terminal, or the call succeed, before it acts.
//                     Needed only without receipts, and weaker: of a program that dies while no daemon runs nobody
//                     sees the last proof
//   turn_end.pattern  a line that ends the turn; turn_end = "api": it calls the hook TurnEnded; none: the turn ends
//                     with the acceptance. A turn whose end may have come while no daemon ran counts as interrupted
//                     after 10 min of silence
//   max_inline_bytes  larger bodies go as a file (plain 2000, lines 16384, bracketed 65536)
//   quit_keys         tmux key names or texts that end it; none: SIGHUP, as when its terminal is closed
#pragma once
#include "adapters/command/pattern.hpp"
#include "adapters/envelope.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ar::adapters::command {

struct Options {
  std::vector<std::string> command{};
  std::optional<Pattern> ready{};
  std::string proof_pattern{};  ///< with its places still open; empty: none
  bool proof_api = false;
  std::string receipts{};  ///< as given; empty: none
  bool proof_complete = false;
  milliseconds proof_timeout{10'000};
  std::optional<Pattern> turn_end{};
  bool turn_end_api = false;
  std::string enter = "Enter";
  milliseconds enter_delay{0};
  std::vector<std::string> quit_keys{};
  InlineRules inline_rules{};
  std::size_t longest_line = 0;  ///< of input that the program's terminal can take; 0: any

  bool has_proof() const { return proof_api || !proof_pattern.empty(); }
  bool has_turns() const { return turn_end_api || turn_end.has_value(); }
  /// The proof of one message, its places filled in; none when it does not prove by a pattern.
  std::optional<Pattern> proof_of(std::string const& correlation_id, std::int64_t message_id) const;
};

/// Errors name the option and say what is wrong with it.
Result<Options> read_options(json const& table);

}  // namespace ar::adapters::command
