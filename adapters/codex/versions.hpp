// What differs between versions of the Codex CLI, as one table: its limits and the texts of its answers that
// decide something. A new version that behaves otherwise is a new row; a version newer than every row uses
// the newest one, and `doctor` says so.
#pragma once
#include <string_view>

namespace ar::adapters::codex {

struct VersionRow {
  std::string_view seen_in;  ///< the version these facts were measured on

  // Parts of the app server's error messages: its error codes are the same for all of these.
  std::string_view no_record;       ///< thread/resume: it knows no thread of that id
  std::string_view locked;          ///< thread/resume: another Codex process writes that thread
  std::string_view not_loaded;      ///< the thread was unloaded: resume it first
  std::string_view too_large;       ///< a message of more than 1 048 576 characters
  std::string_view no_active_turn;  ///< turn/steer, turn/interrupt: the turn has just ended
  std::string_view another_turn;    ///< turn/steer: another turn runs by now
};

/// The row for a version as the CLI prints it ("0.169.0"); empty or unknown: the newest row.
VersionRow const& row_for(std::string_view version);
VersionRow const& newest_row();
/// The oldest with which all of the adapter's tests against the real CLI passed. What e2e_codex_delivery (64 messages,
/// byte for byte) and e2e_codex_states said of the versions they were run with:
///
///   0.140.0, 0.150.0   delivery passed; states: the test of the screen after a person's /new failed
///   0.159.3, 0.160.0   a second connection cannot resume the thread ("invalid paginated history lineage"), so no
///   daemon
///                      could take the agent over
///   0.161.0            delivery passed
///   0.162.0            both passed
///   0.164.0, 0.166.0   delivery passed
///   0.169.0            both passed; all facts of the table were measured with it
///   0.171.0            all end-to-end tests passed
inline constexpr std::string_view kOldestVersion = "0.162.0";

}  // namespace ar::adapters::codex
