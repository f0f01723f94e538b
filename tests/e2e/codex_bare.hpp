// The shortest protocol with a Codex app server that works at all, for comparison.
#pragma once
#include "adapters/codex/connection.hpp"
#include "adapters/codex/protocol.hpp"
#include "base/async.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <string>

namespace ar::test {

/// The shortest protocol that works at all, for comparison, on a connection of its own: turn/start, and the
/// completed item.
class CodexBare {
 public:
  /// `socket`: where the app server listens.
  CodexBare(Executor executor, std::filesystem::path socket)
      : executor_(std::move(executor)), socket_(std::move(socket)), done_(executor_) {}

  awaitable<void> open(std::string const& thread) {
    thread_ = thread;
    adapters::codex::Connection::OnFrame on_frame = [this](json const& frame) {
      if (frame.at("method") == "item/completed" && text_at(frame, {"params", "item", "clientId"}) == wanted_) {
        seen_ = true;
        done_.notify_all();
      }
    };
    auto opened = co_await adapters::codex::Connection::open(executor_, socket_, std::move(on_frame));
    REQUIRE(opened.has_value());
    connection_ = *opened;
    json hello{{"clientInfo", {{"name", "bare"}, {"title", "bare"}, {"version", "0"}}},
               {"capabilities", {{"experimentalApi", true}}}};  // older ones resume with excludeTurns only so
    REQUIRE((co_await connection_->call("initialize", std::move(hello))).has_value());
    connection_->notify("initialized");
    json resume{{"threadId", thread_}, {"excludeTurns", true}};
    REQUIRE((co_await connection_->call("thread/resume", std::move(resume))).has_value());
  }
  /// Milliseconds to the proof.
  awaitable<double> deliver() {
    wanted_ = "bare-" + std::to_string(++number_);
    seen_ = false;
    json params{{"threadId", thread_}, {"clientUserMessageId", wanted_}};
    params["input"] = json::array({json{{"type", "text"}, {"text", "timed"}}});
    auto const start = Clock::now();
    REQUIRE((co_await connection_->call("turn/start", std::move(params))).has_value());
    while (!seen_) REQUIRE(co_await done_.wait(Clock::now() + std::chrono::seconds(20)));
    co_return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  }
  awaitable<void> close() { co_await connection_->stop(); }

 private:
  Executor const executor_;
  std::filesystem::path const socket_;
  std::shared_ptr<adapters::codex::Connection> connection_{};
  std::string thread_{}, wanted_{};
  bool seen_ = false;
  int number_ = 0;
  Notifier done_;
};

}  // namespace ar::test
