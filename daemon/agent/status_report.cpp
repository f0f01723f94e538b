#include "daemon/agent/status_report.hpp"

#include "base/read_json.hpp"
#include "base/words.hpp"

namespace ar::daemon {
namespace {

constexpr std::string_view kTurn = "provider-turn";
constexpr std::string_view kOwnKinds = "message task command";  ///< which the daemon alone begins and ends
constexpr std::size_t kMostText = 200;
constexpr std::size_t kMostObject = 4'096;  ///< bytes; all of an agent's meta on the bus has to hold them
constexpr std::size_t kMostWork = 32;

void check_kind(FieldReader& in, char const* field, std::string const& kind) {
  if (has_word(kOwnKinds, kind)) in.fail(field, "names " + kind + ", which only the daemon begins and ends");
}

json object_or_null(FieldReader& in, char const* field) {
  auto object = in.object(field);
  if (object.empty()) return nullptr;
  if (to_text(object).size() > kMostObject || deeper_than(object, kMostInside))
    in.fail(field, "has more than 4096 bytes or 32 levels");
  return object;
}

}  // namespace

Result<StatusReport> status_report_from(json const& body) {
  FieldReader in(body);
  StatusReport report;
  report.status = in.string("status");
  if (!has_word("busy idle offline error", report.status)) in.fail("status", "must be busy, idle, offline or error");
  auto& work = report.work;
  work.kind = in.string("reason", std::string(kTurn));
  work.id = in.string("id", work.kind);
  work.label = in.string("label");
  work.role = in.string("role");
  work.parent_id = in.string("parentId");
  work.metadata = object_or_null(in, "metadata");
  work.provider_state = object_or_null(in, "providerState");
  report.clear = in.strings("clear");
  report.provider_session = in.string("providerSessionId");
  check_kind(in, "reason", work.kind);
  for (auto const& kind : report.clear) check_kind(in, "clear", kind);
  for (auto const* text : {&work.kind, &work.id, &work.label, &work.role, &work.parent_id})
    if (text->size() > kMostText) in.fail("reason", ", id, label, role and parentId have at most 200 bytes each");
  if (auto const timeline = in.object("timeline"); !timeline.empty()) {
    FieldReader event(timeline, "timeline.");
    event.require("status");
    report.timeline = {{"status", event.string("status")}};
    if (auto id = event.maybe_string("id")) report.timeline["id"] = *id;
    report.timeline["timestamp"] = event.integer("timestamp", to_millis(wall_now()), 0, std::int64_t{1} << 53);
    if (to_text(report.timeline).size() > kMostObject) event.fail("status", "is too long");
    if (auto error = event.finish()) return *error;
  }
  if (auto error = in.finish()) return *error;
  return report;
}

Result<void> apply(StatusReport const& report, Work& work, bool turn_runs) {
  auto const ends = [&](std::string const& kind) { return !turn_runs || kind != kTurn; };
  auto const& item = report.work;
  if (report.status == "busy") {
    if (!work.is_active(item.kind, item.id) && work.count() >= kMostWork)
      return conflict("too_much_work", "it is at 32 things already; report the end of some, or clear them");
    work.clear_terminal();
    work.start(item);
  } else if (report.status == "idle") {
    work.clear_terminal();
    if (ends(item.kind)) work.finish(item.kind, item.id);
  } else {
    work.set_terminal(report.status);
  }
  for (auto const& kind : report.clear)
    if (ends(kind)) work.clear(kind);
  return {};
}

}  // namespace ar::daemon
