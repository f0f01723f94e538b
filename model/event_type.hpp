// Every type of event that the log may hold, as data: what programs that read the log build on. docs/events.md is this
// table for people, GET /v1/events/types for programs.
#pragma once
#include <span>
#include <string_view>

namespace ar {

struct EventType {
  std::string_view name;
  std::string_view data;     ///< the fields that its data may have, between blanks; "*": those of what it is about
  std::string_view summary;  ///< for people: what has happened
};

std::span<EventType const> event_types();
/// Null: there is none of that name.
EventType const* find_event_type(std::string_view name);

}  // namespace ar
