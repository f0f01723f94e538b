#include "model/memory.hpp"

#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field new_memory[] = {
    {.name = "value", .type = Type::any, .about = "any JSON but null, at most 256 KiB", .required = true},
};

constexpr auto kWritten = std::to_array<Field>({
    {.name = "scope", .required = true, .words = kMemoryScopes},
    {.name = "id", .about = "whose it is in the scope", .required = true},
    {.name = "key", .required = true},
    {.name = "version", .type = Type::integer, .about = "another one with every value; the ETag", .required = true},
    {.name = "bytes", .type = Type::integer, .about = "of the value, as JSON", .required = true},
    {.name = "updatedAt", .type = Type::time, .required = true},
});
constexpr auto kEntryFields =
    joined(kWritten, std::to_array<Field>({{.name = "value", .type = Type::any, .required = true}}));

constexpr Field removed[] = {{.name = "removed", .about = "SCOPE/ID/KEY", .required = true}};

constexpr Field entries[] = {
    {.name = "entries", .type = Type::list, .required = true, .of = Type::object, .schema = &kMemoryEntry},
    {.name = "nextCursor", .about = "there are more"},
};

constexpr Field id_size[] = {
    {.name = "id", .required = true},
    {.name = "entries", .type = Type::integer, .required = true},
    {.name = "bytes", .type = Type::integer, .about = "of all their values", .required = true},
};
constexpr Schema kIdSize{.name = "MemoryId", .fields = id_size};

constexpr Field ids[] = {
    {.name = "ids", .type = Type::list, .required = true, .of = Type::object, .schema = &kIdSize},
    {.name = "nextCursor", .about = "there are more"},
};

constexpr Field scope_size[] = {
    {.name = "scope", .required = true, .words = kMemoryScopes},
    {.name = "ids", .type = Type::integer, .about = "that have entries", .required = true},
    {.name = "entries", .type = Type::integer, .required = true},
    {.name = "bytes", .type = Type::integer, .about = "of all their values", .required = true},
};
constexpr Schema kScopeSize{.name = "MemoryScope", .fields = scope_size};

constexpr Field scopes[] = {
    {.name = "scopes", .type = Type::list, .required = true, .of = Type::object, .schema = &kScopeSize},
};

}  // namespace

Schema const kNewMemory{.name = "NewMemory", .fields = new_memory};
Schema const kMemoryEntry{.name = "MemoryEntry", .fields = kEntryFields};
Schema const kMemoryWritten{.name = "MemoryWritten", .about = "an entry without its value", .fields = kWritten};
Schema const kMemoryRemoved{.name = "MemoryRemoved", .fields = removed};
Schema const kMemoryEntryList{.name = "MemoryEntryList", .about = "in the order of their keys", .fields = entries};
Schema const kMemoryIdList{.name = "MemoryIdList", .fields = ids};
Schema const kMemoryScopeList{.name = "MemoryScopeList", .fields = scopes};

}  // namespace ar::control
