#include "relay/remote/link.hpp"

#include "relay/protocol.hpp"
#include "relay/reconnect.hpp"

#include <boost/asio/this_coro.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::relay::remote {
namespace {
using namespace std::chrono_literals;

constexpr http::WebSocketLimits kLimits{16U << 20, 16U << 20};

}  // namespace

bool is_refused_token(Error const& error) {
  return error.code == "bad_token" || error.code == "token_required" || error.code == "bad_authorization";
}

std::string_view to_string(Link::State state) {
  switch (state) {
    case Link::State::connecting: return "connecting";
    case Link::State::connected: return "connected";
    case Link::State::backoff: return "backoff";
    case Link::State::auth_failed: return "auth-failed";
  }
  return "connecting";
}

Link::Link(Executor executor, http::HttpClient& caller, RemoteTimes times, Random random, LinkEvents events)
    : executor_(executor),
      caller_(caller),
      times_(times),
      random_(std::move(random)),
      events_(std::move(events)),
      changed_(executor) {}

void Link::become(State state) {
  if (state_ == state) return;
  state_ = state;
  since_ = wall_now();
  changed_.notify_all();
}

void Link::note(std::string const& subject, Error const& error) {
  last_error_ = error;
  if (gate_.should_log(subject, error.code)) spdlog::warn("relay: {}", error.message);
}

void Link::failed(Error const& error) {
  if (is_refused_token(error)) return refuse_token(error);
  note("connection", error);
  become(State::backoff);
}

void Link::refuse_token(Error error) {
  if (state_ == State::auth_failed) return;
  error.message += "; nothing is tried until token_file holds a new one";
  last_error_ = error;
  spdlog::error("relay: the token is refused: {}", error.message);
  become(State::auth_failed);
  if (socket_) socket_->cut("its token is refused");
}

void Link::cut(std::string const& why) {
  if (socket_) socket_->cut(why);
}

void Link::start_again() {
  again_ = true;
  if (socket_) socket_->cut("there is a new token");
  changed_.notify_all();
}

awaitable<void> Link::keep_up() {
  for (;;) {
    if (state_ == State::auth_failed && !again_) {
      (void)co_await changed_.wait();
      continue;
    }
    again_ = false;
    become(State::connecting);
    std::vector<http::Header> headers{events_.authorization()};
    auto opened = co_await caller_.open_websocket("/bus", std::move(headers), kLimits, times_.connect);
    if (opened) {
      auto const socket = std::move(*opened);
      auto const error = co_await converse(*socket);
      if ((co_await net::this_coro::cancellation_state).cancelled() != net::cancellation_type::none) co_return;
      if (state_ != State::auth_failed && !again_) failed(error);
    } else {
      failed(opened.error());
    }
    if (again_) failures_ = 0;
    if (again_ || state_ == State::auth_failed) continue;
    auto const until = Clock::now() + pause_after(failures_++, times_.least_backoff, times_.most_backoff, random_());
    while (!again_ && state_ != State::auth_failed && Clock::now() < until) (void)co_await changed_.wait(until);
  }
}

awaitable<Error> Link::converse(http::WebSocket& socket) {
  struct Leave {
    Link& link;
    ~Leave() {
      link.socket_ = nullptr;
      link.lasted_at_ = Clock::time_point::max();
    }
  } const leave{*this};
  socket_ = &socket;
  last_frame_ = Clock::now();
  changed_.notify_all();  // keep_alive starts to count
  for (auto const& hello : events_.hellos()) (void)socket.send(to_text(hello));
  bool welcomed = false;
  for (;;) {
    auto const text = co_await socket.read();
    if (!text) co_return text.error();
    last_frame_ = Clock::now();
    auto const frame = parse_object(*text);
    if (!frame)
      co_return unavailable("nonsense", "the relay sends what is no JSON object; is there a relay at this URL?");
    std::optional<Error> broken;
    hear(*frame, welcomed, broken);
    if (broken) co_return *broken;
  }
}

void Link::hear(json const& frame, bool& welcomed, std::optional<Error>& broken) {
  auto const type = text_at(frame, "type");
  if (type == "pong") {
    ++pongs_;
    changed_.notify_all();
  } else if (type == "welcome") {
    if (std::exchange(welcomed, true)) return;
    auto const protocol = frame.find("protocol");
    if (protocol == frame.end() || *protocol != kProtocol) {
      auto const theirs = protocol == frame.end() ? std::string("no version of it") : to_text(*protocol).substr(0, 40);
      broken = unavailable("unsupported_protocol", "the relay speaks protocol " + theirs + ", this program protocol " +
                                                       std::to_string(kProtocol) +
                                                       "; use programs of one version on both machines");
      return;
    }
    ++connections_;
    lasted_at_ = Clock::now() + kLasted;
    become(State::connected);
    events_.welcome(frame);
  } else if (type == "error") {
    Error const error{ErrorKind::unavailable, text_at(frame, "code"), text_at(frame, "message"),
                      text_at(frame, "field")};
    if (is_refused_token(error)) return refuse_token(error);
    // What concerns one agent only ends that agent's part; anything else is the end of the connection.
    if (text_at(frame, "agentId").empty())
      broken = error;
    else
      events_.frame(frame);
  } else if (type == "message.new" || type == "command" || type == "presence" || type == "notes") {
    events_.frame(frame);
  } else {
    broken = unavailable("nonsense", "the relay sends frames of type \"" + type.substr(0, 40) +
                                         "\"; is there a relay of this version at this URL?");
  }
}

awaitable<void> Link::keep_alive() {
  auto ping_at = Clock::time_point::min();
  for (;;) {
    if (!socket_) {
      ping_at = Clock::time_point::min();
      (void)co_await changed_.wait();
      continue;
    }
    auto const now = Clock::now();
    if (ping_at == Clock::time_point::min()) ping_at = now + times_.ping;
    if (now - last_frame_ >= times_.dead) {
      socket_->cut("no frame came for " +
                   std::to_string(std::chrono::duration_cast<std::chrono::seconds>(times_.dead).count()) + " s");
      socket_ = nullptr;
      continue;
    }
    if (now >= lasted_at_) {
      lasted_at_ = Clock::time_point::max();
      failures_ = 0;
      if (gate_.recovered("connection")) spdlog::info("relay: connected again");
    }
    if (now >= ping_at) {
      (void)socket_->send(R"({"type":"ping"})");
      ping_at = now + times_.ping;
    }
    (void)co_await changed_.wait(std::min({ping_at, last_frame_ + times_.dead, lasted_at_}));
  }
}

bool Link::say(json const& frame) { return state_ == State::connected && socket_ && socket_->send(to_text(frame)); }

awaitable<bool> Link::wait_connected(Clock::time_point deadline) {
  while (state_ != State::connected && state_ != State::auth_failed && Clock::now() < deadline)
    (void)co_await changed_.wait(deadline);
  co_return state_ == State::connected;
}

awaitable<bool> Link::reach(Clock::duration patience) {
  auto const deadline = Clock::now() + patience;
  while (state_ != State::connected && Clock::now() < deadline) (void)co_await changed_.wait(deadline);
  auto const before = pongs_;
  if (!say({{"type", "ping"}})) co_return false;
  while (pongs_ == before && state_ == State::connected && Clock::now() < deadline)
    (void)co_await changed_.wait(deadline);
  co_return pongs_ != before;
}

}  // namespace ar::relay::remote
