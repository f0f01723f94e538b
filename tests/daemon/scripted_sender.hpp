// Receivers outside that answer as the test says, and remember what they were sent.
#pragma once
#include "daemon/outbox/sender.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ar::test {

class ScriptedSender final : public daemon::Sender {
 public:
  struct Sent {
    daemon::Receiver receiver;
    std::vector<http::Header> headers;
    std::string body;
    WallTime at;
    std::string header(std::string const& name) const {
      for (auto const& header : headers)
        if (header.name == name) return header.value;
      return {};
    }
    json document() const { return json::parse(body); }
  };
  std::vector<Sent> sent;
  std::function<daemon::SendResult(Sent const&)> answers;  ///< empty: 200
  std::function<awaitable<void>()> before_answer;
  std::vector<std::string> rested;

  awaitable<daemon::SendResult> send(daemon::Receiver receiver, std::vector<http::Header> headers,
                                     std::string body) override {
    sent.push_back({std::move(receiver), std::move(headers), std::move(body), wall_now()});
    auto const one = sent.back();
    if (before_answer) co_await before_answer();
    co_return answers ? answers(one) : daemon::SendResult{200, {}};
  }
  void rest(std::string const& receiver) override { rested.push_back(receiver); }
};

}  // namespace ar::test
