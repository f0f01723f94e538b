// Everything that is stored in one stream, in order, from the first message on: what the views are made of.
//
// An ordered consumer in NATS's sense: a push consumer without acks that lives as long as its connection, with flow
// control and heartbeats. A gap in its numbers or silence makes a new one that goes on after the last message taken.
#pragma once
#include "relay/nats/jetstream.hpp"

namespace ar::relay::nats {

struct FeedItem {
  std::string_view subject, data;
  std::uint64_t sequence = 0;
  bool tombstone = false;
};

/// io thread only. Owned by what outlives its connections.
class Feed {
 public:
  /// `take` is given each message once, in order; `start_over` that the stream was made anew: what was taken is void.
  Feed(Executor io, std::string stream, std::function<void(FeedItem const&)> take, std::function<void()> start_over);

  /// Begins, or goes on, over the connection `js` has. `number` names its consumers; never used twice on a connection.
  awaitable<Result<void>> start(JetStream& js, std::uint64_t number);
  /// Waits until everything up to `sequence` has been taken; false: not in time, and it is broken.
  awaitable<bool> reached(std::uint64_t sequence, milliseconds limit);
  /// Waits until everything that was stored when this was called has been taken. Calls share the questions they ask
  /// the server. Error: `nats_behind`.
  awaitable<Result<void>> catch_up(JetStream& js, milliseconds limit);
  /// What it fed has been thrown away: it begins from the first message again.
  void rewind();
  /// Has heard nothing for too long, or has seen a gap: to be started anew.
  bool is_broken() const;
  /// Told at each start which stream it is, by its creation, and how far that goes; before anything of it is taken. A
  /// new leader of a cluster may not have all of it yet: then nobody knows how far.
  using Found = std::function<void(std::string const& created, std::optional<std::uint64_t> last)>;
  void on_found(Found found) { found_ = std::move(found); }
  /// Called when it has become so by what it heard; silence calls nobody.
  void on_broken(std::function<void()> alarm) { alarm_ = std::move(alarm); }

  std::string const& stream() const { return stream_; }
  std::uint64_t applied() const { return applied_; }
  std::string const& consumer() const { return consumer_; }

 private:
  awaitable<Result<json>> make_consumer(JetStream& js, std::string subject);
  void take(Incoming&& in);
  void break_off();
  void move_to(std::uint64_t sequence);
  struct Waiter;
  struct Question;

  Executor io_;
  std::string stream_;
  std::function<void(FeedItem const&)> take_;
  std::function<void()> start_over_, alarm_{};
  Found found_{};
  std::shared_ptr<Connection> connection_;
  std::string consumer_, created_;
  std::uint64_t listener_ = 0, applied_ = 0, delivered_ = 0;
  bool gap_ = false;
  std::chrono::steady_clock::time_point heard_at_{};
  std::vector<Waiter*> waiting_;
  std::shared_ptr<Question> next_question_;  ///< for those that came while another was under way
  bool asking_ = false;
  Notifier turn_;
};

}  // namespace ar::relay::nats
