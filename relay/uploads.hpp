// Who has stored which attachments lately, and how much with its messages. What a caller has uploaded it may send on;
// for what others have uploaded, knowing the hash is not enough. In memory: after a restart a file is uploaded again.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace ar::relay {

class Uploads {
 public:
  struct Quota {
    std::size_t bytes = 1U << 30;  ///< of attachments and messages together
    std::size_t files = 10'000;
    Clock::duration time = std::chrono::hours(24);
  };
  explicit Uploads(Quota quota) : quota_(quota) {}
  Uploads() : Uploads(Quota()) {}

  enum class What { file, message };
  /// `quota` when one of the agents has stored too much in the quota's time; nothing for no agents.
  Result<void> check_room(std::vector<std::string> const& agents, std::size_t bytes, What what = What::file);
  void note(std::vector<std::string> const& agents, std::string const& id, std::size_t bytes);
  void note_message(std::vector<std::string> const& agents, std::size_t bytes);
  bool has(std::vector<std::string> const& agents, std::string const& id) const;

 private:
  struct Upload {
    std::string id;
    std::size_t bytes = 0;
    Clock::time_point at{};
  };
  /// What was sent in some part of the quota's time.
  struct Sent {
    std::size_t bytes = 0;
    Clock::time_point at{};
  };
  struct Stored {
    std::deque<Upload> uploads;  ///< the oldest first
    std::deque<Sent> messages;   ///< likewise
  };
  Quota const quota_;
  std::map<std::string, Stored> by_agent_;
};

}  // namespace ar::relay
