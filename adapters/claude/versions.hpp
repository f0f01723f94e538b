// What differs between versions of the Claude Code CLI, as one table: the strings of its screens, its keys,
// how it behaves. A new version that behaves otherwise is a new row; a version newer than every row uses the
// newest one, and `doctor` says so.
#pragma once
#include "base/clock.hpp"

#include <span>
#include <string_view>

namespace ar::adapters::claude {

/// A screen that stands where the composer should be, told by a text on it. `limit` is told by a choice that it offers:
/// the menu of a used-up account, which Escape closes without choosing anything.
struct KnownScreen {
  enum class Kind { dialog, transcript, search, rewind, agents, limit };
  std::string_view text;
  Kind kind;
  std::string_view name;  ///< for people: "trust this folder"
};

struct VersionRow {
  std::string_view seen_in;  ///< the version these facts were measured on

  std::string_view prompt_glyph;  ///< starts the composer's first line; dialogs use the same sign with a plain blank
  std::string_view shell_glyph;   ///< the same place in shell mode, where a paste would run as a command
  std::string_view collapsed;     ///< how the composer shows a long paste, before its number
  int collapse_newlines;          ///< a paste with this many newlines is always collapsed
  std::string_view stashed;       ///< shown while a draft is set aside: in the footer,
  bool stashed_above;             ///< or at the end of the line above the composer's upper rule
  std::span<KnownScreen const> screens;

  std::string_view stash_key;       ///< sets a draft aside; it comes back by itself after the next submit
  std::string_view clear_line_key;  ///< clears one line of the composer, or one collapsed paste
  std::string_view interrupt_key;
  int max_enters;               ///< how often Enter is pressed for one prompt, while the composer still shows it
  milliseconds enter_patience;  ///< from an Enter to looking whether it was swallowed
  milliseconds stuck_start;     ///< no sign of life this long after the start: look at the screen

  /// Hands the model a collapsed paste as one "from somewhere else": as something to read, not to obey.
  bool wraps_pastes;
  /// Takes invisible characters out of prompts, and rewrites tags called pasted_content (kept_text.hpp).
  bool edits_prompts;
  /// A resumed session sends the instructions of its first start, unless `--system-prompt-snapshot off` is said.
  bool snapshots_instructions;
  /// Takes --messaging-socket-path, and puts the uuid of what comes there on its record.
  bool has_socket;
};

/// The row for a version as the CLI prints it ("2.1.197"); empty or unknown: the newest row.
VersionRow const& row_for(std::string_view version);
VersionRow const& newest_row();
/// Whether the table says how it behaves: neither unknown nor newer than every row.
bool is_measured(std::string_view version);
/// The oldest with which all of the adapter's tests against the real CLI passed; none before it was tried.
inline constexpr std::string_view kOldestVersion = "2.1.197";

}  // namespace ar::adapters::claude
