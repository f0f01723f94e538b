// Which messages an agent has ever taken up: none is taken up twice. The newest are in memory, all are in the journal:
// of one below the mark only the journal can tell. So the memory, and the start, stay small however long an agent
// lives.
#pragma once
#include "base/sqlite.hpp"
#include "model/message.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace ar::daemon {

/// io thread only, but for the static ones, which are the journal's.
class KnownMessages {
 public:
  static constexpr std::size_t kKept = 2000;

  /// What the journal knows of `store`, and of none. `kept`: so many are in memory at least.
  static KnownMessages read(Database& db, std::string const& agent, std::string const& store, std::size_t kept = kKept);
  /// Those of `ids` that the journal knows.
  static std::vector<MessageId> in_journal(Database& db, std::string const& agent, std::string const& store,
                                           std::vector<MessageId> const& ids);

  /// False also below the mark.
  bool contains(MessageId id) const;
  /// Whether `id` was taken up is to be asked of the journal.
  bool is_below(MessageId id) const { return id < mark_; }
  /// Below the mark: nothing, since it is in the journal before it is forgotten elsewhere.
  void insert(MessageId id);
  void erase(MessageId id);
  /// Those above `kept` are other messages now.
  void forget_above(MessageId kept);
  /// 0: none. Not less than any that was taken up.
  MessageId highest() const { return highest_; }

 private:
  std::size_t kept_ = kKept;
  std::vector<MessageId> newest_{};  ///< sorted; all that were taken up from the mark on
  MessageId mark_ = 0, highest_ = 0;
};

}  // namespace ar::daemon
