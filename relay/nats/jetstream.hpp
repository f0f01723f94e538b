// JetStream as requests: publish, read one message, ask and change streams. Over whatever connection there is now.
//
// Errors beside the connection's: `wrong_revision` (somebody else has written that subject), `disk_full` (a limit of
// storage), `nats_not_found`, `nats_refused` with the server's own words.
#pragma once
#include "relay/nats/connection.hpp"
#include "relay/storage_fault.hpp"

#include <functional>
#include <map>
#include <optional>

namespace ar::relay::nats {

struct Publication {
  std::string subject;
  std::string data;
  std::optional<std::uint64_t> expected{};  ///< what the subject's last sequence must be; 0: nothing on it yet
  std::string message_id{};                 ///< Nats-Msg-Id: repeated within the window, it is stored once
  bool tombstone = false;                   ///< the key of a bucket is deleted
};
struct Published {
  std::uint64_t sequence = 0;
  bool repeated = false;  ///< by its message_id; `sequence` is the first's
};
struct Stored {
  std::uint64_t sequence = 0;
  std::string subject, data, stored_at;
  bool tombstone = false;
};

class JetStream {
 public:
  explicit JetStream(milliseconds limit) : limit_(limit) {}
  void use(std::shared_ptr<Connection> connection) { connection_ = std::move(connection); }
  std::shared_ptr<Connection> const& connection() const { return connection_; }

  /// Into a bounded stream only with room to spare: nats-server 2.9 lets in what just fits without its own overhead,
  /// and drops the stream's oldest message for it, whatever was asked of it.
  awaitable<Result<Published>> publish(Publication publication);
  /// The stream takes at most so many bytes; none when not positive. `subject`: its subjects'.
  void bound(std::string const& stream, std::string const& subject, std::int64_t max_bytes);
  /// Reading may reach a server that has not all of it yet: what it does not have, the one that leads is asked for.
  void note_replicas() { replicated_ = true; }
  StorageFault const& storage() const { return storage_; }  ///< of what was published
  /// Nothing: there is none. An error `nats_behind`: there is, and the server that was asked has not got it yet.
  awaitable<Result<std::optional<Stored>>> last(std::string stream, std::string subject);
  awaitable<Result<std::optional<Stored>>> at(std::string stream, std::uint64_t sequence);
  /// `$JS.API.` + `what`.
  awaitable<Result<json>> api(std::string what, json request, std::optional<milliseconds> limit = std::nullopt);
  awaitable<Result<json>> stream_info(std::string stream);
  /// Whether the stream has anything from `sequence` on, by the word of the server that leads it: others may be behind.
  awaitable<Result<bool>> has_from(std::string stream, std::uint64_t sequence);
  /// Deletes it without waiting for that: the server forgets it anyhow, later.
  void drop_consumer(std::string const& stream, std::string const& consumer);
  /// Deletes what lies on `subject`; only what is older than `before`, unless that is 0.
  awaitable<Result<void>> purge(std::string stream, std::string subject, std::uint64_t before = 0);

 private:
  awaitable<Result<Incoming>> ask(Outgoing message, std::optional<milliseconds> limit = std::nullopt);
  struct Bound {
    std::string stream;
    std::int64_t max_bytes = 0;
  };
  awaitable<Result<void>> check_room(Bound bound, std::string const& subject, std::size_t size);
  awaitable<Result<std::optional<Stored>>> direct(std::string stream, json request);
  milliseconds limit_;
  std::shared_ptr<Connection> connection_;
  std::map<std::string, Bound, std::less<>> bounds_;  ///< by what its subjects have in common
  bool replicated_ = false;
  StorageFault storage_;
  std::string full_;  ///< where it was: each stream has a limit of its own, and only a write to this one clears it
};

}  // namespace ar::relay::nats
