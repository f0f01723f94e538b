// The cnats library as a whole: its own threads live as long as somebody uses it.
#pragma once
#include "relay/nats/connection.hpp"

#include <condition_variable>
#include <mutex>
#include <nats/nats.h>
#include <set>

namespace ar::relay::nats {

template <auto F>
struct Destroy {
  template <class T>
  void operator()(T* handle) const {
    F(handle);
  }
};
using OptionsHandle = std::unique_ptr<natsOptions, Destroy<natsOptions_Destroy>>;
using MessageHandle = std::unique_ptr<natsMsg, Destroy<natsMsg_Destroy>>;

/// One per connection; the last one closes the library and waits for its threads. Blocking.
class Connection::Library {
 public:
  Library();
  ~Library();
  Library(Library const&) = delete;
  Library& operator=(Library const&) = delete;
};

/// Where the library's threads leave what happens; taken up on the io thread in the order in which it came.
struct Connection::Mail : std::enable_shared_from_this<Connection::Mail> {
  Mail(Executor io_executor, std::weak_ptr<Connection> connection)
      : io(std::move(io_executor)), to(std::move(connection)) {}
  Executor io;
  std::weak_ptr<Connection> to;
  std::unique_ptr<Library> library = std::make_unique<Library>();
  natsConnection* nats = nullptr;  ///< worker thread
  /// Worker thread. 0 is the inbox for answers; a feed's is its own, since a server does not take a wildcard for a
  /// listener of a push consumer.
  std::unordered_map<std::uint64_t, natsSubscription*> subscriptions;

  std::mutex mutex;  ///< for what follows
  std::condition_variable ended;
  bool connection_ended = false;
  int subscribed = 0;  ///< whose last callback has not been called yet
  std::vector<Incoming> arrived;
  std::string lost, complaint;

  static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* self);
  static void on_closed(natsConnection*, void* self);
  static void on_subscription_ended(void* self);
  static void on_error(natsConnection*, natsSubscription*, natsStatus status, void* self);
  void wake();  ///< under the mutex: io has something to do
  bool woken = false;
  void deliver();  ///< io thread
};

/// What the server says of itself before anybody has logged in: version, name, jetstream. Blocking, at most `limit`.
json server_greeting(std::string const& url, milliseconds limit);
/// Fills `options` for cnats. Error `nats_auth_failed`: the files that say who we are are not what they should be.
Result<void> fill(natsOptions* handle, NatsOptions const& options);
/// Who we say we are, and from which file: for messages, without a secret.
std::string identity_of(NatsOptions const& options);

}  // namespace ar::relay::nats
