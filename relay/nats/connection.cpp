#include "relay/nats/connection.hpp"

#include "base/ids.hpp"
#include "relay/nats/library.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>

#include <charconv>

namespace ar::relay::nats {
namespace {

/// At exit the NATS library (3.4.1) frees something of OpenSSL's that OpenSSL's own clean-up then frees again: an abort
/// at the end of every process that spoke TLS. Of the two, OpenSSL's is the one that nothing needs. Said before anybody
/// else has used OpenSSL, since the first word counts.
[[maybe_unused]] int const without_clean_up_at_exit = OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);

std::mutex library_mutex;
int library_users = 0;

/// After this, what the library still has in its callbacks is a bug of its own; waiting on would only hang.
constexpr auto kLongestEnd = std::chrono::seconds(20);

std::string header(natsMsg* message, char const* name) {
  char const* value = nullptr;
  if (natsMsgHeader_Get(message, name, &value) != NATS_OK || !value) return {};
  return value;
}
/// The library's own words without the place in its source they came from: "(conn.c:2088): No server available".
std::string words(char const* text, natsStatus status) {
  std::string_view said = text ? text : "";
  if (said.starts_with('('))
    if (auto const end = said.find("): "); end != std::string_view::npos) said.remove_prefix(end + 3);
  return std::string(said.empty() ? natsStatus_GetText(status) : said);
}
std::uint64_t number_in(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Connection::Library::Library() {
  std::lock_guard const lock(library_mutex);
  if (library_users++ == 0) nats_Open(-1);
}
Connection::Library::~Library() {
  std::lock_guard const lock(library_mutex);
  if (--library_users > 0) return;
  if (nats_CloseAndWait(std::chrono::duration_cast<milliseconds>(kLongestEnd).count()) != NATS_OK)
    spdlog::error("nats: the client library has not ended its threads in time");
}

/// A request on its way. On real time, also where tests freeze the clock: a server is asked in real time.
struct Connection::Waiting {
  explicit Waiting(Executor const& io) : timer(io) {}
  net::steady_timer timer;
  std::optional<Incoming> answer{};
  std::string failed{};
};

void Connection::Mail::wake() {
  if (woken) return;
  woken = true;
  net::post(io, [self = shared_from_this()] { self->deliver(); });
}

void Connection::Mail::deliver() {
  std::vector<Incoming> messages;
  std::string why, said;
  {
    std::lock_guard const lock(mutex);
    woken = false;
    messages.swap(arrived);
    why.swap(lost);
    said.swap(complaint);
  }
  auto const connection = to.lock();
  if (!connection) return;
  if (!said.empty()) connection->complaint_ = std::move(said);
  for (auto& message : messages) connection->take(std::move(message));
  if (!why.empty()) connection->lose(why);
}

void Connection::Mail::on_message(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
  MessageHandle const owned(message);
  Incoming in;
  in.subject = natsMsg_GetSubject(message);
  if (char const* reply = natsMsg_GetReply(message)) in.reply = reply;
  if (auto const size = natsMsg_GetDataLength(message); size > 0)
    in.data.assign(natsMsg_GetData(message), static_cast<std::size_t>(size));
  char const** names = nullptr;
  int count = 0;
  if (natsMsgHeader_Keys(message, &names, &count) == NATS_OK) {
    free(names);  // NOLINT: the library's own allocation, to be freed so
    in.status = static_cast<int>(number_in(header(message, "Status")));
    in.description = header(message, "Description");
    in.sequence = number_in(header(message, "Nats-Sequence"));
    in.stored_at = header(message, "Nats-Time-Stamp");
    in.stored_under = header(message, "Nats-Subject");
    in.kv_operation = header(message, "KV-Operation");
    in.stalled_reply = header(message, "Nats-Consumer-Stalled");
  }
  auto* const mail = static_cast<Mail*>(self);
  std::lock_guard const lock(mail->mutex);
  mail->arrived.push_back(std::move(in));
  mail->wake();
}
void Connection::Mail::on_closed(natsConnection* connection, void* self) {
  auto* const mail = static_cast<Mail*>(self);
  char const* why = nullptr;
  (void)natsConnection_GetLastError(connection, &why);
  std::lock_guard const lock(mail->mutex);
  mail->connection_ended = true;
  mail->lost = why && *why ? why : "the connection was closed";
  mail->wake();
  mail->ended.notify_all();
}
void Connection::Mail::on_subscription_ended(void* self) {
  auto* const mail = static_cast<Mail*>(self);
  std::lock_guard const lock(mail->mutex);
  --mail->subscribed;
  mail->ended.notify_all();
}
void Connection::Mail::on_error(natsConnection* connection, natsSubscription*, natsStatus status, void* self) {
  auto* const mail = static_cast<Mail*>(self);
  char const* why = nullptr;
  (void)natsConnection_GetLastError(connection, &why);
  std::lock_guard const lock(mail->mutex);
  mail->complaint = words(why, status);
  mail->wake();
}

Error nats_away(std::string what) { return unavailable("nats_away", std::move(what)); }
Error no_leader(std::string const& subject, std::string const& words) {
  return unavailable("nats_no_leader", "the NATS cluster has no leader for " + subject + " just now (" + words +
                                           "): it elects one, or too few of its servers are up");
}

Connection::Connection(Executor io, Worker& thread, OnLost on_lost)
    : io_(std::move(io)), thread_(thread), on_lost_(std::move(on_lost)), inbox_("_INBOX." + random_hex(12)) {}

Connection::~Connection() = default;

Result<void> Connection::connect(NatsOptions const& options) {
  natsOptions* made = nullptr;
  if (auto const status = natsOptions_Create(&made); status != NATS_OK)
    return internal("nats_error",
                    std::string("the NATS library has no memory for options: ") + natsStatus_GetText(status));
  OptionsHandle const handle(made);
  if (auto const filled = fill(made, options); !filled) return filled;
  natsOptions_SetClosedCB(made, &Mail::on_closed, mail_.get());
  natsOptions_SetErrorHandler(made, &Mail::on_error, mail_.get());
  auto const status = natsConnection_Connect(&mail_->nats, made);
  if (status != NATS_OK) {
    mail_->nats = nullptr;
    auto const why = words(nats_GetLastError(nullptr), status);
    if (status == NATS_CONNECTION_AUTH_FAILED || status == NATS_NOT_PERMITTED)
      return Error{ErrorKind::unavailable, "nats_auth_failed",
                   "the NATS server at " + options.url + " refuses " + identity_of(options) + " (" + why +
                       "); correct the file, or [relay] in the configuration"};
    return nats_away("no connection to NATS at " + options.url + ": " + why);
  }
  if (auto const inbox = subscribe(0, inbox_ + ".*"); !inbox) return inbox;  // whoever called disconnects
  char url[512] = {};
  if (natsConnection_GetConnectedUrl(mail_->nats, url, sizeof url) == NATS_OK) facts_.url = url;
  facts_.max_payload = natsConnection_GetMaxPayload(mail_->nats);
  auto const greeting = server_greeting(facts_.url, options.connect_timeout);
  facts_.version = text_at(greeting, "version");
  facts_.name = text_at(greeting, "server_name");
  facts_.id = text_at(greeting, "server_id");
  facts_.tls = truth_at(greeting, "tls_required");
  return {};
}

Result<void> Connection::subscribe(std::uint64_t number, std::string const& subject) {
  if (!mail_->nats) return nats_away("the connection to NATS is lost");
  natsSubscription* made = nullptr;
  auto status = natsConnection_Subscribe(&made, mail_->nats, subject.c_str(), &Mail::on_message, mail_.get());
  if (status == NATS_OK) status = natsSubscription_SetOnCompleteCB(made, &Mail::on_subscription_ended, mail_.get());
  if (status != NATS_OK) {
    natsSubscription_Destroy(made);
    return nats_away(std::string("the NATS server took no subscription: ") + natsStatus_GetText(status));
  }
  // Bounded by the feeds' flow control and by what we ask for, not by dropping what we asked for.
  natsSubscription_SetPendingLimits(made, -1, -1);
  mail_->subscriptions[number] = made;
  std::lock_guard const lock(mail_->mutex);
  ++mail_->subscribed;
  return {};
}

void Connection::disconnect() {
  if (mail_->nats) {
    natsConnection_Close(mail_->nats);
    {
      std::unique_lock lock(mail_->mutex);
      bool const ended = mail_->ended.wait_for(lock, kLongestEnd,
                                               [this] { return mail_->connection_ended && mail_->subscribed == 0; });
      if (!ended) spdlog::error("nats: the client library has not ended its callbacks in time");
    }
    for (auto const& [number, subscription] : mail_->subscriptions) natsSubscription_Destroy(subscription);
    mail_->subscriptions.clear();
    natsConnection_Destroy(std::exchange(mail_->nats, nullptr));
  }
  mail_->library.reset();
}

awaitable<Result<std::shared_ptr<Connection>>> Connection::open(Executor io, Worker& thread, NatsOptions options,
                                                                OnLost on_lost) {
  auto const made = std::make_shared<Connection>(io, thread, std::move(on_lost));
  made->mail_ = std::make_shared<Mail>(io, made);
  std::function<Result<void>()> job = [made, options = std::move(options)] {
    auto outcome = made->connect(options);
    if (!outcome) made->disconnect();
    return outcome;
  };
  auto const outcome = co_await thread.run(std::move(job));
  if (!outcome) co_return outcome.error();
  co_return made;
}

awaitable<void> Connection::close() {
  auto const self = shared_from_this();
  on_lost_ = nullptr;
  lose("it is being closed");
  std::function<bool()> job = [self] {
    self->disconnect();
    return true;
  };
  (void)co_await thread_.run(std::move(job));
}

void Connection::send(Outgoing message, std::uint64_t number) {
  thread_.post([self = shared_from_this(), message = std::move(message), number] {
    if (!self->mail_->nats) return;
    natsMsg* made = nullptr;
    auto status =
        natsMsg_Create(&made, message.subject.c_str(), message.reply.empty() ? nullptr : message.reply.c_str(),
                       message.data.data(), static_cast<int>(message.data.size()));
    MessageHandle const handle(made);
    for (auto const& [name, value] : message.headers)
      if (status == NATS_OK) status = natsMsgHeader_Set(made, name.c_str(), value.c_str());
    if (status == NATS_OK) status = natsConnection_PublishMsg(self->mail_->nats, made);
    if (status == NATS_OK || number == 0) return;
    net::post(self->io_, [self, number, why = std::string(natsStatus_GetText(status))] {
      auto const waiting = self->waiting_.find(number);
      if (waiting == self->waiting_.end()) return;
      waiting->second->failed = why;
      waiting->second->timer.cancel();
    });
  });
}

void Connection::publish(Outgoing message) {
  if (!lost_) send(std::move(message), 0);
}

awaitable<Result<Incoming>> Connection::request(Outgoing message, milliseconds limit) {
  auto const self = shared_from_this();
  if (lost_) co_return nats_away("the connection to NATS is lost: " + why_lost_);
  if (facts_.max_payload > 0 && static_cast<std::int64_t>(message.data.size()) + 4096 > facts_.max_payload)
    co_return Error{ErrorKind::too_large, "too_large",
                    "this has " + std::to_string(message.data.size()) + " bytes; the NATS server takes at most " +
                        std::to_string(facts_.max_payload) + " at once (its max_payload)"};
  auto const number = ++last_request_;
  Waiting waiting(io_);
  struct Entry {
    Connection& of;
    std::uint64_t number;
    ~Entry() { of.waiting_.erase(number); }
  } const entry{*this, number};
  waiting_[number] = &waiting;
  auto const asked_at = std::chrono::steady_clock::now();
  waiting.timer.expires_after(limit);
  message.reply = inbox_ + "." + std::to_string(number);
  auto const subject = message.subject;
  send(std::move(message), number);
  auto const [ended] = co_await waiting.timer.async_wait(nothrow);
  if (!waiting.failed.empty()) co_return nats_away("NATS could not be asked: " + waiting.failed);
  if (!waiting.answer && ended) co_return unavailable("cancelled", "the call was cancelled");
  if (!waiting.answer) {
    std::string why = "NATS gave no answer on " + subject;
    // Nothing at all has come since: the server hangs, or the network swallows what it says. Known now, and not only
    // by the library's pings, so that the next calls do not wait in vain.
    if (heard_at_ < asked_at && !co_await is_there(limit / 4)) lose("the server is silent");
    if (!complaint_.empty()) why += " (it says: " + complaint_ + ")";
    co_return nats_away(std::move(why));
  }
  if (waiting.answer->status == 503 && (!subject.starts_with("$JS.API.") || subject.starts_with("$JS.API.DIRECT.")))
    co_return no_leader(subject, "nobody answers there");
  if (waiting.answer->status == 503)
    co_return unavailable("no_jetstream",
                          "nobody answers on " + subject + " at the NATS server " + facts_.url +
                              ": JetStream is off there or for this account; start nats-server with -js");
  co_return std::move(*waiting.answer);
}

awaitable<bool> Connection::is_there(milliseconds limit) {
  if (asking_whether_there_ || lost_) co_return true;  // whoever asks will say
  struct Asking {
    bool& flag;
    ~Asking() { flag = false; }
  } const asking{asking_whether_there_ = true};
  std::function<bool()> job = [self = shared_from_this(), limit] {
    return self->mail_->nats && natsConnection_FlushTimeout(self->mail_->nats, limit.count()) == NATS_OK;
  };
  co_return co_await thread_.run(std::move(job));
}

awaitable<Result<std::string>> Connection::listen(std::uint64_t number, Listener listener) {
  auto const self = shared_from_this();
  listeners_[number] = std::move(listener);
  auto subject = inbox_ + ".feed." + std::to_string(number);  // two words: not under the inbox's wildcard as well
  std::function<Result<void>()> job = [self, number, subject] { return self->subscribe(number, subject); };
  auto const made = co_await thread_.run(std::move(job));
  if (!made) co_return made.error();
  co_return subject;
}

void Connection::forget(std::uint64_t number) {
  listeners_.erase(number);
  thread_.post([self = shared_from_this(), number] {
    auto const found = self->mail_->subscriptions.find(number);
    if (found == self->mail_->subscriptions.end()) return;
    natsSubscription_Unsubscribe(found->second);
    natsSubscription_Destroy(found->second);
    self->mail_->subscriptions.erase(found);
  });
}

void Connection::take(Incoming&& message) {
  heard_at_ = std::chrono::steady_clock::now();
  // What a listener hears has the reply subject of a stored message or of flow control; its own subject tells which.
  std::string_view tail = message.subject;
  if (!tail.starts_with(inbox_) || tail.size() <= inbox_.size() + 1) {
    // A stored message pushed to a feed keeps the subject it was stored under; the feed is told by its consumer's name.
    auto const consumer = message.reply.rfind(".feed");
    if (consumer == std::string::npos) return;
    auto const listener = listeners_.find(number_in(std::string_view(message.reply).substr(consumer + 5)));
    if (listener != listeners_.end()) listener->second(std::move(message));
    return;
  }
  tail.remove_prefix(inbox_.size() + 1);
  if (tail.starts_with("feed.")) {
    auto const listener = listeners_.find(number_in(tail.substr(5)));
    if (listener != listeners_.end()) listener->second(std::move(message));
    return;
  }
  auto const waiting = waiting_.find(number_in(tail));
  if (waiting == waiting_.end() || waiting->second->answer) return;  // nobody waits any more
  waiting->second->answer = std::move(message);
  waiting->second->timer.cancel();
}

void Connection::lose(std::string const& why) {
  if (lost_) return;
  lost_ = true;
  why_lost_ = why;
  for (auto const& [number, waiting] : waiting_) {
    waiting->failed = "the connection was lost (" + why + ")";
    waiting->timer.cancel();
  }
  if (auto const told = std::exchange(on_lost_, nullptr)) told(why);
}

}  // namespace ar::relay::nats
