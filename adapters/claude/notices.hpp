// Notices on their way into one Claude Code process beside its terminal (docs/claude-code.md, "Notices"). A bell is
// rung, a file that the CLI watches; the CLI then runs its hook FileChanged, which fetches what is offered here. Pure:
// what happened and when in, how things stand out. Whether the model was given a notice only the CLI's record says.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"

#include <cstddef>
#include <deque>
#include <filesystem>
#include <string>

namespace ar::adapters::claude {

/// io thread only.
class Notices {
 public:
  static constexpr std::size_t kMost = 32;                        ///< offered and not proved yet
  static constexpr std::size_t kMostBytes = 30'000;               ///< of one fetch: the CLI was seen to take so much
  static constexpr auto kPatience = std::chrono::seconds(15);     ///< from an offer to its fetch
  static constexpr auto kRingAgain = std::chrono::seconds(2);     ///< the CLI may have begun to watch after a ring
  static constexpr auto kTakenWithin = std::chrono::seconds(10);  ///< from a fetch to the record of a CLI at rest

  enum class Standing {
    unknown,     ///< never offered here
    offered,     ///< to be fetched
    fetched,     ///< given to the hook
    taken_back,  ///< not given to anybody, and it will not be
  };

  bool has_room() const { return open_.size() < kMost; }
  /// Nobody came for the last ones in time: it is of no use to offer more to this process.
  bool is_unheard() const { return unheard_; }
  /// The CLI has been told of the bell (anew).
  void bell_told() { unheard_ = false; }

  void offer(std::string correlation_id, std::string text, Clock::time_point now);
  /// For the hook: what nobody has fetched, oldest first, as much as one answer holds. Nothing is given out twice.
  std::string fetch(Clock::time_point now);
  std::size_t fetches() const { return fetches_; }
  /// Something is to be fetched.
  bool wait() const;
  /// Takes back all that is to be fetched when the oldest of it has waited too long; true when it has.
  bool take_back(Clock::time_point now);

  Standing standing(std::string const& correlation_id) const;
  /// Of one that was fetched a moment ago the record may not tell yet.
  bool is_fresh(std::string const& correlation_id, Clock::time_point now) const;
  /// It is proved, or its absence is.
  void forget(std::string const& correlation_id);

 private:
  struct Notice {
    std::string correlation_id, text;
    Standing standing = Standing::offered;
    Clock::time_point since{};  ///< of this standing
  };
  Notice const* find(std::string const& correlation_id) const;

  std::deque<Notice> open_{};
  std::size_t fetches_ = 0;
  bool unheard_ = false;
};

/// Where the bell of an agent lies.
std::filesystem::path bell_of(std::filesystem::path const& agent_dir);
/// Changes the file in its place, for the CLI watches this very one; makes it (0600) where it is missing. Blocks.
Result<void> ring(std::filesystem::path const& bell);

}  // namespace ar::adapters::claude
