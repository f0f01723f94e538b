#include "control/event_stream.hpp"

#include <spdlog/spdlog.h>

namespace ar::control {
namespace {
constexpr int page_events = 100;
constexpr std::size_t write_bytes = 64U << 10;

bool has_word_in(http::Request const& request, char const* header, char const* word) {
  auto const value = request.header(header);
  return request.method != "HEAD" && value && http::lower_case(*value).find(word) != std::string::npos;
}

}  // namespace

bool wants_server_sent_events(http::Request const& request) {
  return has_word_in(request, "accept", "text/event-stream");
}
bool wants_websocket(http::Request const& request) { return has_word_in(request, "upgrade", "websocket"); }

ServerSentEvents::ServerSentEvents(http::Peer& peer, std::int64_t after)
    : peer_(peer), text_("id: " + std::to_string(after) + "\n\n") {}

awaitable<bool> ServerSentEvents::write(std::int64_t number, std::string_view json_text) {
  text_ += event_block(number, json_text);
  if (text_.size() < write_bytes) co_return true;
  co_return co_await flush();
}

awaitable<bool> ServerSentEvents::flush() {
  bool const present = co_await peer_.write(text_);
  text_.clear();
  co_return present;
}

awaitable<bool> ServerSentEvents::keep_alive() {
  text_ = ": keep-alive\n\n";
  co_return co_await flush();
}

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

namespace {

bool tells_of_removal(Event const& event) {
  constexpr std::string_view type = "agent.removed";
  if (event.json_text.find(type) == std::string::npos) return false;
  auto const whole = parse_object(event.json_text);
  return whole && text_at(*whole, "type") == type;
}

}  // namespace

awaitable<Result<void>> stream_events(EventsApi& events, EventSink& sink, EventCursor from,
                                      Clock::duration keep_alive) {
  bool present = co_await sink.flush();
  while (present) {
    auto const page = co_await events.events(from.agent, from.after, page_events);
    if (!page) {
      spdlog::warn("control: an event stream ends: {}", page.error().message);
      co_return page.error();
    }
    if (page->empty()) {
      auto waiting = events.wait_events(from.agent, from.after, Clock::now() + keep_alive);
      auto const more = co_await http::while_present(sink, std::move(waiting));
      if (!more) break;
      if (!*more) present = co_await sink.keep_alive();
      continue;
    }
    for (auto const& event : *page) {
      from.after = number_in(from.agent, event);
      present = co_await sink.write(from.after, event.json_text);
      if (!present) break;
      if (from.ends_with_agent && tells_of_removal(event)) {
        (void)co_await sink.flush();
        co_return Result<void>();
      }
    }
    if (present) present = co_await sink.flush();
  }
  co_return Result<void>();
}

awaitable<void> stream_to_peer(EventsApi& events, http::Peer& peer, EventCursor from, Limits const& limits) {
  ServerSentEvents sink(peer, from.after);
  (void)co_await stream_events(events, sink, std::move(from), limits.stream_keep_alive);
}

}  // namespace ar::control
