// The callback of a session: whoever has opened it is told once how it ended (docs/webhooks.md). It has ended when a
// turn is over, or a message without one, and nothing else waits for it; when its agent has failed, or was stopped or
// removed; or when its deadline has come.
#pragma once
#include "daemon/agent/agent_spec.hpp"
#include "daemon/delivery/delivery.hpp"
#include "daemon/delivery/turn.hpp"
#include "daemon/services.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace ar::daemon {

class SessionCallback {
 public:
  /// All of the same agent. Whoever calls what follows saves the record, before the next wait.
  SessionCallback(Services& services, AgentSpec const& spec, AgentRecord& record)
      : services_(services), spec_(spec), record_(record) {}

  /// Somebody is to be told yet.
  bool is_due() const { return !spec_.callback.url.empty() && !record_.called_back; }
  /// The newest turn, of which a checked message may tell later.
  void note(Turn const& turn) { newest_ = {turn.number, turn.id}; }
  // With each of these it is told, if it is due.
  void turn_over(Turn const& turn);
  /// A message whose answer was compared with its schema, after its turn.
  void message_checked(Delivery const& delivery);
  /// Without a turn. `outcome`: failed or cancelled.
  void ended(std::string outcome, std::string why) { tell(std::move(outcome), std::move(why), {}); }

 private:
  struct Answer {
    std::int64_t turn = 0;  ///< its number; 0: none
    std::string turn_id{}, text{};
    json output = nullptr;
  };
  void tell(std::string outcome, std::string why, Answer const& answer);

  Services& services_;
  AgentSpec const& spec_;
  AgentRecord& record_;
  std::pair<std::int64_t, std::string> newest_{};  ///< number and id
};

}  // namespace ar::daemon
