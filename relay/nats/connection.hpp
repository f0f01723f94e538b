// One connection to a NATS server, as the io thread sees it: requests that are awaited, and what the server pushes.
//
// The library has threads of its own and some of its calls block. They block here only: opening, sending and closing
// are jobs on `thread`, one after another; what comes in is queued by the library's threads and taken up on the io
// thread. A connection is never mended: when it is lost, another one is made (see link.hpp).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/worker.hpp"
#include "relay/nats/nats_options.hpp"

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ar::relay::nats {

/// A message from the server; `status` and what follows come from its headers, if it has any.
struct Incoming {
  std::string subject, reply, data;
  int status = 0;               ///< 100 control, 404 not found, 503 nobody answers; 0: none
  std::string description{};    ///< beside the status
  std::uint64_t sequence = 0;   ///< Nats-Sequence: of a message that was asked for
  std::string stored_at{};      ///< Nats-Time-Stamp
  std::string stored_under{};   ///< Nats-Subject
  std::string kv_operation{};   ///< DEL or PURGE: the key is gone
  std::string stalled_reply{};  ///< Nats-Consumer-Stalled: answering it lets the feed go on
};

struct Outgoing {
  std::string subject;
  std::string data{};
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string reply{};
};

struct ServerFacts {
  std::string url;  ///< without secrets
  std::string version, name, id;
  std::int64_t max_payload = 0;
  bool tls = false;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Listener = std::function<void(Incoming&&)>;
  using OnLost = std::function<void(std::string const& why)>;

  /// Connects, in at most the connect timeout per server. Errors: `nats_auth_failed`, `nats_away`, and what is wrong
  /// with the options or their files. `on_lost` is called once, on the io thread, unless close() comes first.
  static awaitable<Result<std::shared_ptr<Connection>>> open(Executor io, Worker& thread, NatsOptions options,
                                                             OnLost on_lost);
  /// Ends it; nothing of the library's works for it any more when this returns.
  awaitable<void> close();

  /// Errors: `nats_away` when the connection is lost or no answer came in time. Whether the server has acted is not
  /// known then.
  awaitable<Result<Incoming>> request(Outgoing message, milliseconds limit);
  void publish(Outgoing message);
  /// A subject of our own with a consumer named feedNUMBER-...; what it is sent goes to `listener` until `forget`.
  awaitable<Result<std::string>> listen(std::uint64_t number, Listener listener);
  void forget(std::uint64_t number);

  ServerFacts const& facts() const { return facts_; }
  std::string const& last_complaint() const { return complaint_; }  ///< of the server's, about permissions or limits
  bool alive() const { return !lost_; }
  std::string const& why_lost() const { return why_lost_; }

  class Library;
  struct Mail;
  Connection(Executor io, Worker& thread, OnLost on_lost);
  ~Connection();

 private:
  struct Waiting;
  Result<void> connect(NatsOptions const& options);
  Result<void> subscribe(std::uint64_t number, std::string const& subject);
  void disconnect();
  void send(Outgoing message, std::uint64_t number);
  void take(Incoming&& message);
  /// Whether the server itself still answers, whoever else does not.
  awaitable<bool> is_there(milliseconds limit);
  void lose(std::string const& why);

  Executor io_;
  Worker& thread_;
  OnLost on_lost_;
  std::shared_ptr<Mail> mail_;
  std::string inbox_;
  ServerFacts facts_;
  bool lost_ = false, asking_whether_there_ = false;
  std::string why_lost_, complaint_;
  std::chrono::steady_clock::time_point heard_at_ = std::chrono::steady_clock::now();
  std::uint64_t last_request_ = 0;
  std::unordered_map<std::uint64_t, Waiting*> waiting_;
  std::unordered_map<std::uint64_t, Listener> listeners_;
};

Error nats_away(std::string what);
/// `nats_no_leader`: unavailable, in a cluster that has lost its majority or elects a leader.
Error no_leader(std::string const& subject, std::string const& words);
/// The first line of a file that holds a secret.
Result<std::string> read_secret(std::filesystem::path const& file);
/// What contradicts itself in the options: no server and no file has to be asked about it.
Result<void> check_options(NatsOptions const& options);

}  // namespace ar::relay::nats
