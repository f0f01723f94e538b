// What the provider process that runs now has been given, and whether it is still there: what handing over and what
// becomes of it must both know.
#pragma once
#include "base/async.hpp"
#include "model/message.hpp"

#include <optional>
#include <unordered_set>

namespace ar::daemon {

/// io thread only.
struct InProcess {
  explicit InProcess(Notifier& changed) : changed_(changed) {}

  void started() { ending = gone = false; }
  void let_go(MessageId id) {
    given.erase(id);
    outcome_wanted.erase(id);
  }

  std::unordered_set<MessageId> given{};
  std::unordered_set<MessageId> outcome_wanted{};  ///< unknown: the provider's record is to be asked
  std::optional<MessageId> in_hand{};              ///< the one being handed over
  bool ending = false;                             ///< what is in hand comes to its end now
  bool gone = false;  ///< its turns are closed, too: what is proved from now on ended with it

  /// While one is there, what is in use of the session, and the turns, stay as they are.
  class Use {
   public:
    explicit Use(InProcess& of) : of_(of) { ++of_.users_; }
    ~Use() {
      --of_.users_;
      of_.changed_.notify_all();
    }
    Use(Use const&) = delete;
    Use& operator=(Use const&) = delete;

   private:
    InProcess& of_;
  };
  bool is_used() const { return users_ > 0; }

 private:
  Notifier& changed_;
  int users_ = 0;
};

}  // namespace ar::daemon
