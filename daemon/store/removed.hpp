// What was removed lately: agents, webhooks, skills, snapshots, schedules. Who asks for one of them is told that it is
// gone, and not that it never was. Only they are told who could see it: the operator, and for an agent's things that
// agent and those whose descendant it is.
#pragma once
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "daemon/store/journal.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ar::daemon {

inline constexpr char kAgentNoun[] = "agent", kWebhookNoun[] = "webhook", kSkillNoun[] = "skill",
                      kSnapshotNoun[] = "snapshot", kScheduleNoun[] = "schedule";

/// io thread only.
class Removed {
 public:
  /// In memory, and so known: the newest.
  static constexpr std::size_t kMost = 10'000;
  /// `kept`: for how long; asked each time.
  Removed(Journal& journal, std::function<std::chrono::days()> kept) : journal_(journal), kept_(std::move(kept)) {}
  awaitable<Result<void>> load();

  /// It has just been removed. `owner`: an agent that could see it besides the operator; empty: none.
  void note(std::string const& noun, std::string const& id, std::string const& owner = {});
  /// The same of an agent. What it owned is its parent's from now on, so that a later agent of its name has none of it.
  void note_agent(std::string const& id, std::string const& parent);

  /// What to answer who asks for it and could see it: `gone`. Nothing: it was not removed, or too long ago.
  std::optional<Error> gone(std::string const& noun, std::string const& id) const;
  /// Null: it was not removed, or too long ago. (Empty: nobody's but the operator's.)
  std::string const* owner_of(std::string const& noun, std::string const& id) const;

 private:
  struct Entry {
    std::string owner;
    WallTime at{};
  };
  using Key = std::pair<std::string, std::string>;  ///< noun, id
  Entry const* find(std::string const& noun, std::string const& id) const;
  void remember(Key key, Entry entry);

  Journal& journal_;
  std::function<std::chrono::days()> const kept_;
  std::map<Key, Entry> entries_{};
};

}  // namespace ar::daemon
