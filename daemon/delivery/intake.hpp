// Takes one agent's messages over from the bus: as they are told, and by asking for what was missed; of many, as many
// as can soon be handed over.
#pragma once
#include "base/async.hpp"
#include "daemon/delivery/delivery_host.hpp"
#include "daemon/delivery/delivery_parts.hpp"
#include "daemon/services.hpp"
#include "model/message.hpp"

#include <string>
#include <vector>

namespace ar::daemon {

/// io thread only.
class Intake {
 public:
  explicit Intake(DeliveryParts const& parts);

  /// A message from the bus that is for this agent; a repeat changes nothing.
  void offer(Message message);
  /// What the bus holds for it and it has not got yet. From the first again, though most may be known: some may have
  /// been missed, or given back.
  awaitable<Result<void>> fetch_unread(Identity who);
  /// There is more to be fetched, and few wait.
  bool wants_more() const;
  awaitable<Result<void>> fetch_more(Identity who);
  /// The agent is on the bus again: what waits may have been read for it elsewhere meanwhile.
  void look_again();
  /// More wait than are kept here: the youngest that nobody has touched stay on the bus.
  void leave_the_youngest();
  /// Of messages above this one, others before them may be missing.
  MessageId fetched_to() const { return fetched_to_; }
  /// The bus has another store.
  void start_over() { fetched_to_ = 0; }

 private:
  void take_up(Message message);
  awaitable<Result<void>> leave_out_known(std::vector<Message>& messages);
  awaitable<Result<void>> fetch(Identity who, MessageId after);

  DeliveryParts const parts_;
  MessageId fetched_to_ = 0;
};

}  // namespace ar::daemon
