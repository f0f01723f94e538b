// Sends over HTTP: to addresses that the receiver's owner may reach, over a connection that is kept while there is more
// to send. Redirects are not followed, and of an answer the status counts.
#pragma once
#include "base/http/http_client.hpp"
#include "daemon/outbox/sender.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace ar::daemon {

class HttpSender final : public Sender {
 public:
  /// Whether an owner's receivers may be on this machine and in private networks; asked at each connection.
  using NearAllowed = std::function<bool(std::string const& owner)>;
  HttpSender(Executor executor, NearAllowed near_allowed)
      : executor_(std::move(executor)), near_allowed_(std::move(near_allowed)) {}

  awaitable<SendResult> send(Receiver receiver, std::vector<http::Header> headers, std::string body) override;
  void rest(std::string const& receiver) override { clients_.erase(receiver); }

 private:
  Executor const executor_;
  NearAllowed const near_allowed_;
  http::Tls tls_{};  ///< made for the first that needs it
  std::map<std::string, std::shared_ptr<http::HttpClient>> clients_;
};

}  // namespace ar::daemon
