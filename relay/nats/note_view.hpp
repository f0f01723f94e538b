// Notes, as the presence bucket's feed tells of them. io thread only.
#pragma once
#include "relay/bus.hpp"

#include <map>
#include <string_view>

namespace ar::relay::nats {

/// Among the presence bucket's keys: no agent's has a dot.
bool is_note_key(std::string_view key);

class NoteView {
 public:
  struct Entry {
    Note note;
    WallTime changed_at{};  ///< by the bus's time
    bool gone = false;      ///< somebody has deleted the key, or written what is no note: only the revision is of use
  };
  /// False: an older one.
  bool take(std::string_view data, std::string_view key, std::uint64_t sequence);
  void clear() { notes_.clear(); }
  Entry const* find(std::string const& key) const;
  /// Those that the server has forgotten are left out.
  std::vector<Note> all(WallTime now) const;
  /// Drops what the server has forgotten.
  void forget_old(WallTime now);

 private:
  std::map<std::string, Entry> notes_;  ///< by the bucket's key
};

std::string note_key(std::string const& key);
std::string note_text(Note const& note, WallTime changed_at);

}  // namespace ar::relay::nats
