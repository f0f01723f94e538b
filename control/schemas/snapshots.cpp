#include "control/schemas/schemas.hpp"

#include <array>

namespace ar::control {
namespace {

constexpr Field new_snapshot[] = {
    {.name = "label", .about = "for people, at most 200 bytes"},
    {.name = "includeHistory", .type = Type::boolean, .about = "also what is over: turns, messages, events, decisions"},
};

constexpr Field section[] = {
    {.name = "version", .about = "of its rows: MAJOR.MINOR.PATCH", .required = true},
    {.name = "count", .type = Type::integer, .about = "of its rows", .required = true},
};
constexpr Schema kSection{.name = "SnapshotSection", .fields = section};

constexpr Field snapshot[] = {
    {.name = "id", .required = true},
    {.name = "label", .required = true, .nullable = true},
    {.name = "createdAt", .type = Type::time, .required = true},
    {.name = "bytes", .type = Type::integer, .about = "of its document", .required = true},
    {.name = "includeHistory", .type = Type::boolean, .required = true},
    {.name = "sections", .type = Type::map, .required = true, .of = Type::object, .schema = &kSection},
};

constexpr Field list[] = {
    {.name = "snapshots", .type = Type::list, .required = true, .of = Type::object, .schema = &kSnapshot},
};

constexpr Field restore[] = {
    {.name = "snapshotId", .about = "one of this daemon's; this, json or file"},
    {.name = "json", .type = Type::object, .about = "a snapshot's document, within the size of a request's body"},
    {.name = "file", .about = "where such a document lies: an absolute path on the daemon's machine"},
    {.name = "includeHistory", .type = Type::boolean, .about = "also what is over, where the snapshot has it"},
    {.name = "agents", .type = Type::list, .about = "these alone, with what is theirs"},
};

constexpr Field counts[] = {
    {.name = "written", .type = Type::integer, .about = "rows", .required = true},
    {.name = "skipped",
     .type = Type::integer,
     .about = "rows that were there already, were not asked for, or could not be restored",
     .required = true},
};
constexpr Schema kCounts{.name = "RestoredSection", .fields = counts};

constexpr Field agent[] = {
    {.name = "agent", .required = true},
    {.name = "result",
     .about = "exists: there is one of that name, which is left as it is",
     .required = true,
     .words = "restored exists failed"},
    {.name = "state", .about = "that it is in here"},
    {.name = "reason", .about = "why it failed, and what to do"},
    {.name = "withheld",
     .type = Type::list,
     .about = "parts of its specification that were not taken along, since they may be secrets: env.NAME"},
    {.name = "leftOut", .type = Type::list, .about = "what of it could not be restored, and why; for people"},
};
constexpr Schema kRestoredAgent{.name = "RestoredAgent", .fields = agent};

constexpr Field restored[] = {
    {.name = "snapshot", .about = "its id", .required = true},
    {.name = "sections", .type = Type::map, .required = true, .of = Type::object, .schema = &kCounts},
    {.name = "agents", .type = Type::list, .required = true, .of = Type::object, .schema = &kRestoredAgent},
    {.name = "leftOut",
     .type = Type::list,
     .about = "what is no agent's and could not be restored, and why; for people"},
};

}  // namespace

Schema const kNewSnapshot{.name = "NewSnapshot", .fields = new_snapshot};
Schema const kSnapshot{.name = "Snapshot", .about = "without its document", .fields = snapshot};
Schema const kSnapshotList{.name = "SnapshotList", .about = "the newest first", .fields = list};
Schema const kSnapshotRestore{.name = "SnapshotRestore", .fields = restore};
Schema const kRestoredSnapshot{.name = "RestoredSnapshot", .about = "what came of it", .fields = restored};

}  // namespace ar::control
