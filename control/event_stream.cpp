#include "control/event_stream.hpp"

#include <spdlog/spdlog.h>

namespace ar::control {
namespace {
constexpr int page_events = 100;
constexpr std::size_t write_bytes = 64U << 10;
}  // namespace

std::string event_block(std::int64_t id, std::string_view json_text) {
  std::string block = "id: " + std::to_string(id) + "\ndata: ";
  for (char c : json_text) {
    if (c == '\n')
      block += "\ndata: ";
    else if (c != '\r')
      block += c;
  }
  block += "\n\n";
  return block;
}

awaitable<void> StreamEnd::wait() {
  while (!has_come_) (void)co_await changed_.wait();
}

awaitable<std::optional<std::int64_t>> stream_events(EventsApi& events, Peer& peer, EventCursor from,
                                                     Clock::duration keep_alive, StreamEnd& end) {
  auto const& [agent, after] = from;
  std::int64_t cursor = after;
  // An id without data is remembered by the client and shown to nobody: it can resume before the first event.
  std::string text = "id: " + std::to_string(cursor) + "\n\n";
  for (;;) {
    bool present = co_await peer.write(text);
    if (!present) co_return std::nullopt;
    text.clear();
    bool const is_last = end.has_come();
    auto page = co_await events.events(agent, cursor, page_events);
    if (!page) {
      spdlog::warn("control: an event stream ends: {}", page.error().message);
      co_return std::nullopt;
    }
    if (page->empty() && is_last) co_return cursor;
    if (page->empty()) {
      auto waiting = until(end.wait(), events.wait_events(agent, cursor, Clock::now() + keep_alive));
      auto const more = co_await while_present(peer, std::move(waiting));
      if (!more) co_return std::nullopt;
      text = !*more || **more ? "" : ": keep-alive\n\n";
      continue;
    }
    for (auto const& event : *page) {
      cursor = agent.empty() ? event.number : event.agent_number;
      text += event_block(cursor, event.json_text);
      if (text.size() < write_bytes) continue;
      present = co_await peer.write(text);
      if (!present) co_return std::nullopt;
      text.clear();
    }
  }
}

awaitable<void> stream_events(EventsApi& events, Peer& peer, EventCursor from, Clock::duration keep_alive) {
  StreamEnd never(co_await net::this_coro::executor);
  (void)co_await stream_events(events, peer, std::move(from), keep_alive, never);
}

}  // namespace ar::control
