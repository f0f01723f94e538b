// What one agent still has to say on the bus, kept in the journal until it is said there: to those who asked it for a
// reply on a bus that is gone, where the number of their message means nothing and is named in words; to its parent.
#pragma once
#include "base/async.hpp"
#include "daemon/delivery/delivery.hpp"
#include "daemon/delivery/reporter.hpp"
#include "daemon/store/journal.hpp"

#include <string>
#include <vector>

namespace ar::daemon {

/// io thread only.
class OwedWords {
 public:
  OwedWords(Journal& journal, Reporter& reporter, std::string agent_id);

  /// What the journal holds.
  static std::vector<NewMessage> stored(Database& db, std::string const& agent);
  void load(std::vector<NewMessage> words) { words_ = std::move(words); }
  /// The asker of a delivery that ended with its bus.
  void owe(Delivery const& d);
  /// Said once, by its idempotency key, which it must have.
  void owe(NewMessage word);
  bool empty() const { return words_.empty(); }
  /// When the next is to be tried.
  Clock::time_point due() const { return due_; }
  awaitable<void> tell_next();
  awaitable<Result<void>> tell_all();

 private:
  Journal& journal_;
  Reporter& reporter_;
  std::string const agent_id_;
  std::vector<NewMessage> words_;
  Clock::time_point due_ = Clock::time_point::min();
  int tries_ = 0;
};

}  // namespace ar::daemon
