#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field output[] = {
    {.name = "id", .about = "names this content of this file", .required = true},
    {.name = "name", .about = "below its output folder", .required = true},
    {.name = "path", .about = "where its agent has it, from / on", .required = true},
    {.name = "byteSize", .type = Type::integer, .required = true},
    {.name = "contentType", .about = "by the ending of its name", .required = true, .nullable = true},
    {.name = "sha256", .required = true},
    {.name = "turnSeq", .type = Type::integer, .about = "after which it was captured", .required = true},
    {.name = "modifiedAt", .type = Type::time, .required = true},
    {.name = "capturedAt", .type = Type::time, .required = true},
    {.name = "goneAt",
     .type = Type::time,
     .about = "its file is not there any more since then, as far as was looked",
     .required = true,
     .nullable = true},
};
constexpr Schema kOutput{.name = "Output", .about = "a file that an agent has made", .fields = output};

constexpr Field missing[] = {
    {.name = "path", .about = "of the file or folder", .required = true},
    {.name = "reason",
     .required = true,
     .words = "dir_missing read_failed changed_while_read storage_cap_exceeded session_terminated_pre_sync "
              "pending_session_terminal not_regular"},
    {.name = "message"},
    {.name = "id", .about = "of an earlier content that is kept"},
};
constexpr Schema kMissingOutput{
    .name = "MissingOutput", .about = "what of the output folders could not be captured", .fields = missing};

constexpr Field outputs[] = {
    {.name = "outputs", .type = Type::list, .required = true, .of = Type::object, .schema = &kOutput},
    {.name = "missing",
     .type = Type::list,
     .about = "of the newest capture; on the first page",
     .required = true,
     .of = Type::object,
     .schema = &kMissingOutput},
    {.name = "nextCursor", .type = Type::integer, .about = "there are more"},
};

}  // namespace

Schema const kOutputList{.name = "OutputList", .fields = outputs};

}  // namespace ar::control
