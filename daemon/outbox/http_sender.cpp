#include "daemon/outbox/http_sender.hpp"

#include "daemon/outbox/target.hpp"

#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr auto kPatience = 15s;  ///< for a whole attempt: the name, the connection, the answer
constexpr std::uint64_t kMostAnswerBytes = 16U << 10;

}  // namespace

awaitable<SendResult> HttpSender::send(Receiver receiver, std::vector<http::Header> headers, std::string body) {
  auto const target = read_target(receiver.url);
  if (!target) co_return SendResult{0, target.error().message};
  bool const secure = target->endpoint.secure;
  if (secure && !tls_) {
    auto made = http::client_tls({});
    if (!made) co_return SendResult{0, made.error().message};
    tls_ = std::move(*made);
  }
  auto& kept = clients_[receiver.id];
  if (!kept) {
    auto allowed = [this, owner = receiver.owner, secure](std::string_view address) {
      return may_connect(address, secure, near_allowed_(owner));
    };
    kept = std::make_shared<http::HttpClient>(executor_, target->endpoint, tls_, 1, std::move(allowed));
  }
  auto const client = kept;  // it may be told to rest meanwhile
  http::Call call{.method = "POST", .target = target->path, .body = std::move(body), .headers = std::move(headers)};
  call.patience = kPatience;
  call.repeatable = true;  // its id tells the receiver what it has already
  call.most_answer_bytes = kMostAnswerBytes;
  auto const answer = co_await client->exchange(std::move(call));
  if (answer) co_return SendResult{answer->status, {}};
  if (answer.error().kind == ErrorKind::timeout) co_return SendResult{0, "no answer within 15 s"};
  co_return SendResult{0, answer.error().message};
}

}  // namespace ar::daemon
