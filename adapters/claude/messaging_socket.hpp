// The messaging socket of a Claude Code process: one line of JSON at it is a message to its session, beside the
// terminal (docs/claude-code.md, "The socket road"). The CLI puts our uuid on the record of what came so.
#pragma once
#include "adapters/envelope.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace ar::adapters::claude {

/// Below the agent's own folder (0700). Empty: the path would be too long for a socket.
std::filesystem::path messaging_socket(std::filesystem::path const& agent_dir);

/// The uuid of the record of a delivery, and back; empty: it is none of ours.
std::string record_uuid(std::string_view correlation_id);
std::string correlation_id_of_record(std::string_view uuid);

struct SocketMessage {
  std::string text;      ///< the envelope, as the transcript has to show it
  std::string line;      ///< with its end
  bool as_file = false;  ///< as in Envelope
};
/// Every character goes as it is. What is longer than the terminal would take, or no UTF-8, goes as a file.
SocketMessage socket_message(Prompt const& prompt);

enum class Written {
  nothing,  ///< nobody listens
  all,
  unclear,  ///< a part of it at least: nobody knows what the CLI has made of that
};
/// Connects, writes and closes, all within a few seconds.
awaitable<Written> write_line(std::filesystem::path socket, std::string line);

/// What the CLI takes of one sender: 30 messages at once, then one in 2 s; what is beyond that it drops without a word.
/// This stays below. io thread only.
class SocketAllowance {
 public:
  static constexpr int kAtOnce = 24;
  static constexpr auto kOneIn = milliseconds(2'500);
  /// False: the sender has to wait, or to go another way.
  bool take(std::string const& sender, Clock::time_point now);

 private:
  /// Per sender: when all that it has taken is free again. Those that are over are forgotten.
  std::map<std::string, Clock::time_point> free_at_{};
};

}  // namespace ar::adapters::claude
