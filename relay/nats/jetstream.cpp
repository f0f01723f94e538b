#include "relay/nats/jetstream.hpp"

#include "base/read_json.hpp"

namespace ar::relay::nats {
namespace {

// The server's error numbers (github.com/nats-io/nats-server, server/errors.json).
enum : int {
  kResourcesExceeded = 10002,
  kClusterAway = 10008,
  kClusterNoLeader = 10009,
  kInsufficientResources = 10023,
  kMemoryExceeded = 10028,
  kNoMessage = 10037,
  kSequenceNotFound = 10043,  // to delete
  kInsufficientStorage = 10047,
  kStorageExceeded = 10049,
  kDeleteFailed = 10057,  // the words tell why, too
  kNoStream = 10059,
  kWrongSequence = 10071,
  kStoreFailed = 10077,  // the words tell why: maximum bytes exceeded, ...
  kStreamOffline = 10118,
  kWrongLastMessage = 10164
};

/// What every write leaves free: other daemons write at the same time, and every record has more around it.
constexpr std::int64_t kSpare = 4096;

Error full_error(std::string const& subject, std::string const& words) {
  return unavailable("disk_full", "NATS stores no more on " + subject + ": " + words +
                                      "; raise the stream's limits or free space on the server");
}

Error error_from(json const& error, std::string const& subject) {
  auto const number = integer_at(error, "err_code");
  auto const said = text_at(error, "description");
  auto const words = said.empty() ? std::string("no description") : said;
  if (number == kWrongSequence || number == kWrongLastMessage)
    return conflict("wrong_revision", "another writer was quicker on " + subject);
  bool const gone =
      number == kDeleteFailed && (words.find("no message") != std::string::npos || words == "deleted message");
  if (number == kNoMessage || number == kSequenceNotFound || number == kNoStream || gone ||
      integer_at(error, "code") == 404)
    return not_found("nats_not_found", words);
  if (number == kClusterAway || number == kClusterNoLeader || number == kStreamOffline)
    return no_leader(subject, words);
  bool const full = number == kResourcesExceeded || number == kInsufficientResources || number == kMemoryExceeded ||
                    number == kInsufficientStorage || number == kStorageExceeded ||
                    words.find("maximum bytes") != std::string::npos ||
                    words.find("maximum messages") != std::string::npos ||
                    words.find("no space left") != std::string::npos;
  if (full) return full_error(subject, words);
  return unavailable("nats_refused",
                     "NATS refuses " + subject + ": " + words + " (error " + std::to_string(number) + ")");
}

/// What the subjects of one stream have in common: two words (names.hpp).
std::string_view stream_of(std::string_view subject) {
  return subject.substr(0, subject.find('.', subject.find('.') + 1));
}

Result<json> answer_in(Incoming const& in, std::string const& subject) {
  auto body = parse_object(in.data);
  if (!body) return unavailable("nats_refused", "NATS answers " + subject + " with what is not JSON");
  if (auto const error = body->find("error"); error != body->end()) return error_from(*error, subject);
  return body;
}

}  // namespace

awaitable<Result<Incoming>> JetStream::ask(Outgoing message, std::optional<milliseconds> limit) {
  auto const connection = connection_;
  if (!connection) co_return nats_away("there is no connection to NATS");
  co_return co_await connection->request(std::move(message), limit.value_or(limit_));
}

awaitable<Result<Published>> JetStream::publish(Publication publication) {
  Outgoing out;
  auto const subject = publication.subject;
  out.subject = std::move(publication.subject);
  out.data = std::move(publication.data);
  if (publication.expected)
    out.headers.emplace_back("Nats-Expected-Last-Subject-Sequence", std::to_string(*publication.expected));
  if (!publication.message_id.empty()) out.headers.emplace_back("Nats-Msg-Id", std::move(publication.message_id));
  if (publication.tombstone) out.headers.emplace_back("KV-Operation", "DEL");
  if (auto const bound = bounds_.find(stream_of(subject)); bound != bounds_.end()) {
    auto const room = co_await check_room(bound->second, subject, out.data.size());
    if (!room) {
      if (storage_.note(room.error())) full_ = stream_of(subject);
      co_return room.error();
    }
  }
  auto const in = co_await ask(std::move(out));
  if (!in) co_return in.error();
  auto const answer = answer_in(*in, subject);
  if (!answer) {
    if (storage_.note(answer.error())) full_ = stream_of(subject);
    co_return answer.error();
  }
  if (full_ == stream_of(subject)) storage_.clear();
  co_return Published{static_cast<std::uint64_t>(integer_at(*answer, "seq")), truth_at(*answer, "duplicate")};
}

void JetStream::bound(std::string const& stream, std::string const& subject, std::int64_t max_bytes) {
  if (max_bytes > 0)
    bounds_[std::string(stream_of(subject))] = {stream, max_bytes};
  else
    bounds_.erase(std::string(stream_of(subject)));
}

awaitable<Result<void>> JetStream::check_room(Bound bound, std::string const& subject, std::size_t size) {
  auto const info = co_await stream_info(bound.stream);
  if (!info) co_return info.error();
  auto const used = integer_at(object_at(*info, "state"), "bytes");
  if (used + static_cast<std::int64_t>(size) + kSpare > bound.max_bytes)
    co_return full_error(subject, "maximum bytes reached (" + std::to_string(used) + " of " +
                                      std::to_string(bound.max_bytes) + ", " + std::to_string(kSpare) + " stay free)");
  co_return Result<void>();
}

awaitable<Result<std::optional<Stored>>> JetStream::direct(std::string stream, json request) {
  Outgoing out;
  out.subject = "$JS.API.DIRECT.GET." + stream;
  out.data = request.dump();
  auto in = co_await ask(std::move(out));
  if (!in) co_return in.error();
  if (in->status == 404) {
    if (!replicated_) co_return std::optional<Stored>();
    auto const led = co_await api("STREAM.MSG.GET." + stream, std::move(request));
    if (!led && led.error().code == "nats_not_found") co_return std::optional<Stored>();
    if (!led) co_return led.error();
    co_return unavailable("nats_behind",
                          "a server of the NATS cluster has not got all of " + stream + " yet; try again");
  }
  if (in->status != 0)
    co_return unavailable("nats_refused", "NATS reads nothing from " + stream + ": " + in->description);
  co_return Stored{in->sequence, in->stored_under, std::move(in->data), in->stored_at, !in->kv_operation.empty()};
}
awaitable<Result<std::optional<Stored>>> JetStream::last(std::string stream, std::string subject) {
  return direct(std::move(stream), {{"last_by_subj", std::move(subject)}});
}
awaitable<Result<std::optional<Stored>>> JetStream::at(std::string stream, std::uint64_t sequence) {
  return direct(std::move(stream), {{"seq", sequence}});
}

awaitable<Result<json>> JetStream::api(std::string what, json request, std::optional<milliseconds> limit) {
  Outgoing out;
  out.subject = "$JS.API." + std::move(what);
  if (!request.empty()) out.data = request.dump();
  auto const subject = out.subject;
  auto const in = co_await ask(std::move(out), limit);
  if (!in) co_return in.error();
  co_return answer_in(*in, subject);
}
void JetStream::drop_consumer(std::string const& stream, std::string const& consumer) {
  if (connection_) connection_->publish({"$JS.API.CONSUMER.DELETE." + stream + "." + consumer, {}, {}, {}});
}
awaitable<Result<json>> JetStream::stream_info(std::string stream) {
  return api("STREAM.INFO." + std::move(stream), json::object());
}

awaitable<Result<bool>> JetStream::has_from(std::string stream, std::uint64_t sequence) {
  json request = {{"seq", sequence}, {"next_by_subj", ">"}};
  auto const found = co_await api("STREAM.MSG.GET." + std::move(stream), std::move(request));
  if (!found && found.error().code != "nats_not_found") co_return found.error();
  co_return found.has_value();
}

awaitable<Result<void>> JetStream::purge(std::string stream, std::string subject, std::uint64_t before) {
  json request = {{"filter", std::move(subject)}};
  if (before > 0) request["seq"] = before;
  auto const done = co_await api("STREAM.PURGE." + std::move(stream), std::move(request));
  if (!done) co_return done.error();
  co_return Result<void>();
}

}  // namespace ar::relay::nats
