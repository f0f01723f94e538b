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

awaitable<void> stream_events(Backend& backend, Client& client, EventCursor from, Clock::duration keep_alive) {
  std::string log = from.agent;
  std::int64_t cursor = from.after;
  if (from.latest) {
    // Only the log of all knows its end. For one agent it is read from there until that agent's next event,
    // which tells where its own log goes on.
    log.clear();
    cursor = backend.last_event();
  }
  std::string text;
  // An id without data is remembered by the client and shown to nobody: it can resume before the first event.
  if (from.agent.empty())
    text = "id: " + std::to_string(cursor) + "\n\n";
  else
    text = ": ready\n\n";
  for (;;) {
    bool present = co_await client.write(text);
    if (!present) co_return;
    text.clear();
    auto page = co_await backend.events(log, cursor, page_events);
    if (!page) {
      spdlog::warn("control: an event stream ends: {}", page.error().message);
      co_return;
    }
    if (page->empty()) {
      auto waiting = backend.wait_events(log, cursor, Clock::now() + keep_alive);
      auto const more = co_await while_present(client, std::move(waiting));
      if (!more) co_return;
      text = *more ? "" : ": keep-alive\n\n";
      continue;
    }
    for (auto const& event : *page) {
      bool const own = log == from.agent;
      cursor = log.empty() ? event.number : event.agent_number;
      if (!own && event.agent != from.agent) continue;
      text += event_block(from.agent.empty() ? event.number : event.agent_number, event.json_text);
      if (!own) {
        log = from.agent;
        cursor = event.agent_number;
        break;
      }
      if (text.size() < write_bytes) continue;
      present = co_await client.write(text);
      if (!present) co_return;
      text.clear();
    }
  }
}

}  // namespace ar::control
