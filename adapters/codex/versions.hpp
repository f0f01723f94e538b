// What differs between versions of the Codex CLI, as one table: its limits and the texts of its answers that
// decide something. A new version that behaves otherwise is a new row; a version newer than every row uses
// the newest one, and `doctor` says so.
#pragma once
#include <cstddef>
#include <string_view>

namespace ar::adapters::codex {

struct VersionRow {
  std::string_view seen_in;  ///< the version these facts were measured on

  std::size_t max_input_chars;  ///< of one message; more is refused by the app server

  // Parts of the app server's error messages: its error codes are the same for all of these.
  std::string_view no_record;       ///< thread/resume: it knows no thread of that id
  std::string_view locked;          ///< thread/resume: another Codex process writes that thread
  std::string_view not_loaded;      ///< the thread was unloaded: resume it first
  std::string_view draining;        ///< it has been told to end and takes no new turns
  std::string_view too_large;       ///< more than max_input_chars
  std::string_view no_active_turn;  ///< turn/steer, turn/interrupt: the turn has just ended
  std::string_view another_turn;    ///< turn/steer: another turn runs by now
};

/// The row for a version as the CLI prints it ("0.169.0"); empty or unknown: the newest row.
VersionRow const& row_for(std::string_view version);
VersionRow const& newest_row();
/// Older app servers lack WebSocket on a unix socket or the client's message ids.
inline constexpr std::string_view kOldestVersion = "0.160.0";

}  // namespace ar::adapters::codex
