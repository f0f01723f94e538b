// Takes one agent's messages over from the bus: as they are told, and by asking for what was missed; of many, as many
// as can soon be handed over.
#pragma once
#include "base/async.hpp"
#include "daemon/delivery/delivery_host.hpp"
#include "daemon/services.hpp"
#include "model/message.hpp"

#include <string>
#include <vector>

namespace ar::daemon {

class CurrentStore;
struct InProcess;
class OpenDeliveries;

/// io thread only.
class Intake {
 public:
  /// The references are to parts of the same agent.
  Intake(Services& services, std::string agent_id, DeliveryHost& host, OpenDeliveries& open, InProcess const& process,
         CurrentStore const& store, Notifier& changed);

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

  Services& services_;
  std::string const agent_id_;
  DeliveryHost& host_;
  OpenDeliveries& open_;
  InProcess const& process_;
  CurrentStore const& store_;
  Notifier& changed_;
  MessageId fetched_to_ = 0;
};

}  // namespace ar::daemon
