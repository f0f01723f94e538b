// The WebSockets of the relay (docs/relay-protocol.md): each introduces agents by `hello`, hears of what is for them,
// and tells how they are. io thread only.
#pragma once
#include "base/http/websocket.hpp"
#include "relay/server/relay_server.hpp"

#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace ar::relay::server {

class Session;

class Sessions {
 public:
  Sessions(Executor executor, EmbeddedBus& bus, ServerLimits const& limits);
  ~Sessions();

  /// Runs one connection until it ends. `token`: its secret, to be checked again while it lasts; empty: the operator's
  /// unix socket.
  awaitable<void> serve(http::WebSocket& socket, TokenInfo who, std::string token);
  /// Ends the connections whose token is no longer good.
  void check_tokens_now();
  std::size_t count() const { return sessions_.size(); }
  /// Agents that have a connection.
  std::size_t agents() const;
  /// Cuts silent connections and those whose token has ended; run it in a task group.
  awaitable<void> watch();

 private:
  friend class Session;
  /// Makes `session` the one connection of the agent's; an older one is told. False: this instance has been superseded
  /// itself.
  bool take_over(std::string const& agent_id, std::string const& instance_id, Session& session);
  bool holds(std::string const& agent_id, Session& session) const;
  void leave(Session& session);
  /// Bytes that the clients of all connections have not taken yet.
  std::size_t unsent() const;
  /// The message as JSON: many hear of one at the same time, and it is put into words once.
  std::string const& text_of(Message const& message);

  EmbeddedBus& bus_;
  ServerLimits const& limits_;
  std::list<Session*> sessions_;
  struct Holder {
    std::string instance_id;
    std::set<Session*> sessions{};          ///< of that instance: an older connection may still be dying
    std::vector<std::string> superseded{};  ///< instances that do not come back, the oldest first
    Clock::time_point left{};               ///< when the last of the sessions did
  };
  /// By agent id. Kept for a while when the connections have gone, or an instance that was superseded could come back
  /// then.
  std::map<std::string, Holder> holders_;
  struct Text {
    MessageId id = 0;
    std::size_t readers = 0;
    std::string text{};
  } last_text_;
  bool check_tokens_ = false;
  std::unique_ptr<Subscription> notes_{};
  Notifier look_;
};

}  // namespace ar::relay::server
