#include "relay/nats/feed.hpp"

#include "base/ids.hpp"
#include "base/read_json.hpp"
#include "relay/nats/names.hpp"

#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>

namespace ar::relay::nats {
namespace {

struct Place {
  std::string_view name;
  std::uint64_t stream = 0, consumer = 0;
};

/// From the reply subject of a delivered message: $JS.ACK.[DOMAIN.ACCOUNT.]STREAM.CONSUMER.DELIVERED.SSEQ.CSEQ.TIME.
/// PENDING[.RANDOM]
std::optional<Place> place_of(std::string_view reply) {
  std::vector<std::string_view> part;
  for (std::size_t at = 0; at <= reply.size();) {
    auto const dot = std::min(reply.find('.', at), reply.size());
    part.push_back(reply.substr(at, dot - at));
    at = dot + 1;
  }
  std::size_t const first = part.size() >= 11 ? 7 : 5;
  if (part.size() < 9) return std::nullopt;
  auto const number = [](std::string_view text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  return Place{part[first - 2], number(part[first]), number(part[first + 1])};
}

std::string leader_of(json const& stream_info) { return text_at(object_at(stream_info, "cluster"), "leader"); }

}  // namespace

struct Feed::Waiter {
  std::uint64_t sequence;
  net::steady_timer timer;  // real time: the server delivers in real time, also under a frozen clock
};

struct Feed::Question {
  explicit Question(Executor const& io) : answered(io) {}
  Notifier answered;
  std::optional<Result<std::uint64_t>> last{};
};

Feed::Feed(Executor io, std::string stream, std::function<void(FeedItem const&)> take, std::function<void()> start_over)
    : io_(std::move(io)),
      stream_(std::move(stream)),
      take_(std::move(take)),
      start_over_(std::move(start_over)),
      turn_(io_) {}

awaitable<Result<void>> Feed::start(JetStream& js, std::uint64_t number) {
  auto const before = std::exchange(connection_, js.connection());
  if (before && listener_ != 0) before->forget(listener_);
  // Also one of a connection that is gone, which the server would keep for a while.
  if (!consumer_.empty()) js.drop_consumer(stream_, consumer_);
  auto const info = co_await js.stream_info(stream_);
  if (!info) co_return info.error();
  auto const created = text_at(*info, "created");
  auto const last = static_cast<std::uint64_t>(integer_at(object_at(*info, "state"), "last_seq"));
  bool const another = (!created_.empty() && created != created_) || last < applied_;
  created_ = created;
  bool const replicated = integer_at(object_at(*info, "config"), "num_replicas", 1) > 1;
  if (found_) found_(created, replicated ? std::nullopt : std::optional(last));
  if (another) {
    spdlog::warn("nats: stream {} was made anew, or restored from an older copy: what it held after that is lost",
                 stream_);
    applied_ = 0;
    start_over_();
  }
  gap_ = false;
  delivered_ = 0;
  heard_at_ = std::chrono::steady_clock::now();
  // A cluster may place it on a server that has just died, and then nobody answers: perhaps the next lies elsewhere.
  // One that is made after all, later than it was deleted, finds nobody who listens to it: the server forgets it.
  Result<json> made = nats_away("not asked yet");
  for (int attempt = 0; attempt < kPlacements && !made && made.error().code == "nats_away"; ++attempt) {
    if (attempt > 0) connection_->forget(listener_);
    listener_ = number * kPlacements + static_cast<std::uint64_t>(attempt);
    auto const subject = co_await connection_->listen(listener_, [this](Incoming&& in) { take(std::move(in)); });
    if (!subject) co_return subject.error();
    made = co_await make_consumer(js, *subject);
  }
  if (!made) co_return made.error();
  if (last <= applied_ || made->value("num_pending", std::uint64_t{0}) > 0) co_return Result<void>();
  // Nothing to deliver: the last messages were deleted. Or the server that has the consumer is behind the one that said
  // how far the stream goes; then they come later, and must not be passed over.
  if (replicated) {
    auto const more = co_await js.has_from(stream_, applied_ + 1);
    if (!more) co_return more.error();
    if (*more) co_return Result<void>();
    // Of a leader that was elected meanwhile it would be no answer.
    auto const again = co_await js.stream_info(stream_);
    if (!again) co_return again.error();
    if (leader_of(*again).empty() || leader_of(*again) != leader_of(*info)) {
      break_off();
      co_return Result<void>();
    }
  }
  if (delivered_ == 0) move_to(last);
  co_return Result<void>();
}

awaitable<Result<json>> Feed::make_consumer(JetStream& js, std::string subject) {
  using std::chrono::nanoseconds;
  consumer_ = "feed" + std::to_string(listener_) + "-" + random_hex(8);
  json const config = {{"name", consumer_},
                       {"deliver_subject", std::move(subject)},
                       {"deliver_policy", "by_start_sequence"},
                       {"opt_start_seq", applied_ + 1},
                       {"ack_policy", "none"},
                       {"max_deliver", 1},
                       {"replay_policy", "instant"},
                       {"flow_control", true},
                       {"idle_heartbeat", nanoseconds(kFeedHeartbeat).count()},
                       {"inactive_threshold", nanoseconds(kFeedInactive).count()},
                       {"mem_storage", true},
                       {"num_replicas", 1}};
  auto made = co_await js.api("CONSUMER.CREATE." + stream_ + "." + consumer_,
                              {{"stream_name", stream_}, {"config", config}}, kPlacement);
  if (!made) js.drop_consumer(stream_, consumer_);
  co_return made;
}

void Feed::rewind() {
  applied_ = 0;
  break_off();
}

void Feed::break_off() {
  gap_ = true;
  if (alarm_) alarm_();
}

bool Feed::is_broken() const { return gap_ || std::chrono::steady_clock::now() - heard_at_ > 3 * kFeedHeartbeat; }

void Feed::take(Incoming&& in) {
  heard_at_ = std::chrono::steady_clock::now();
  if (in.status == 100) {
    // Flow control, or a heartbeat of a feed that waits for the answer to it: what came before has been taken.
    auto& reply = in.reply.empty() ? in.stalled_reply : in.reply;
    if (!reply.empty()) connection_->publish({std::move(reply), {}, {}, {}});
    return;
  }
  auto const place = place_of(in.reply);
  // A consumer that was given up may come to life with its server.
  if (!place || place->name != consumer_) return;
  if (gap_ || place->consumer <= delivered_) return;
  if (place->consumer != delivered_ + 1) {
    break_off();
    return;
  }
  delivered_ = place->consumer;
  if (place->stream > applied_) {
    take_({in.subject, in.data, place->stream, !in.kv_operation.empty()});
    move_to(place->stream);
  }
}

void Feed::move_to(std::uint64_t sequence) {
  applied_ = std::max(applied_, sequence);
  for (auto* const waiter : waiting_)
    if (waiter->sequence <= applied_) waiter->timer.cancel();
}

awaitable<bool> Feed::reached(std::uint64_t sequence, milliseconds limit) {
  if (sequence <= applied_) co_return true;
  Waiter waiter{sequence, net::steady_timer(io_)};
  struct Entry {
    Feed& of;
    Waiter* waiter;
    ~Entry() { std::erase(of.waiting_, waiter); }
  } const entry{*this, &waiter};
  waiting_.push_back(&waiter);
  waiter.timer.expires_after(limit);
  (void)co_await waiter.timer.async_wait(nothrow);
  if (sequence <= applied_) co_return true;
  break_off();  // it may have died with the server that had it
  co_return false;
}

awaitable<Result<void>> Feed::catch_up(JetStream& js, milliseconds limit) {
  // An answer to a question that was asked before this call may be older than it: only one asked later will do.
  bool const first = !next_question_;
  if (first) next_question_ = std::make_shared<Question>(io_);
  auto const mine = next_question_;
  if (first) {
    struct Turn {
      Feed& feed;
      Question& question;
      bool ours = false;
      ~Turn() {
        if (ours) feed.asking_ = false;
        if (!question.last) question.last = nats_away("the call that asked NATS was cancelled");
        question.answered.notify_all();
        if (feed.next_question_.get() == &question) feed.next_question_.reset();
        feed.turn_.notify_all();
      }
    } turn{*this, *mine};
    while (asking_) (void)co_await turn_.wait();
    turn.ours = asking_ = true;
    next_question_.reset();
    auto const info = co_await js.stream_info(stream_);
    if (info)
      mine->last = static_cast<std::uint64_t>(integer_at(object_at(*info, "state"), "last_seq"));
    else
      mine->last = info.error();
  } else {
    while (!mine->last) (void)co_await mine->answered.wait();
  }
  if (!*mine->last) co_return mine->last->error();
  auto const last = **mine->last;
  if (co_await reached(last, limit)) co_return Result<void>();
  co_return unavailable("nats_behind", "stream " + stream_ + " has " + std::to_string(last) + " messages, and " +
                                           std::to_string(applied_) + " have come in time; try again");
}

}  // namespace ar::relay::nats
