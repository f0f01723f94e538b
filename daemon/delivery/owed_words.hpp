// What is still to be said to those who asked one agent for a reply on a bus that is gone: kept in the journal, and
// said on the present bus, where the number of their message means nothing and is named in words.
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
