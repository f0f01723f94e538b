// One WebSocket of the relay.
#pragma once
#include "relay/server/route.hpp"
#include "relay/server/sessions.hpp"

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace ar::relay::server {

class Session {
 public:
  Session(Sessions& sessions, http::WebSocket& socket, TokenInfo who, std::string token);
  ~Session();
  Session(Session const&) = delete;
  Session& operator=(Session const&) = delete;

  awaitable<void> run();

  /// For an agent that a newer instance has taken: it hears no more of it.
  void supersede(std::string const& agent_id);
  void tell(EmbeddedBus::PresenceChange const& change);
  /// There are newer notes.
  void tell_of_notes();
  /// The last thing this connection hears.
  void end(Error const& error);

  std::string const& token() const { return token_; }
  Clock::time_point last_frame() const { return last_frame_; }
  std::size_t unsent() const { return socket_.unsent(); }
  void cut(std::string reason) { socket_.cut(std::move(reason)); }

 private:
  /// One `hello`: who is told of what. The key is the agent and the component, so that each has its own.
  struct Guest {
    Identity who;
    std::unique_ptr<Subscription> hints;
  };
  using Key = std::pair<std::string, std::string>;

  bool too_many();
  awaitable<Result<void>> take(json const& frame);
  awaitable<Result<void>> hello(json const& frame);
  awaitable<Result<void>> send_unread(Identity who, MessageId after);
  void say(json const& frame) { send(to_text(frame)); }
  Result<void> check_room_for(Key const& guest) const;
  /// Hints are left out (false) when the client, or all together, have too much to take already: whoever misses one
  /// asks for what is unread.
  bool hint(json const& frame) { return hint(to_text(frame)); }
  bool hint(std::string text);
  bool hint_of(json guest, Message const& message);
  bool has_room(std::size_t bytes) const;
  void send(std::string text);
  void complain(json const& frame, Error const& error);

  Sessions& sessions_;
  http::WebSocket& socket_;
  TokenInfo const who_;
  std::string const token_;
  Clock::time_point last_frame_ = Clock::now();
  Clock::time_point counted_ = Clock::now();
  double allowance_;
  int hellos_ = 0;
  bool watches_presence_ = false;
  bool watches_notes_ = false;
  std::map<Key, Guest> guests_;
};

}  // namespace ar::relay::server
