#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr Field message[] = {
    {.name = "jsonrpc", .required = true, .words = "2.0"},
    {.name = "id", .type = Type::any, .about = "a text or a whole number; missing: nobody waits for an answer"},
    {.name = "method", .about = "initialize, server/discover, tools/list, tools/call, ping; missing: it is an answer"},
    {.name = "params", .type = Type::object},
};

constexpr Field error[] = {
    {.name = "code", .type = Type::integer, .required = true},
    {.name = "message", .required = true},
    {.name = "data", .type = Type::any},
};
constexpr Schema kMcpError{.name = "McpError", .fields = error};

constexpr Field answer[] = {
    {.name = "jsonrpc", .required = true, .words = "2.0"},
    {.name = "id", .type = Type::any, .required = true},
    {.name = "result", .type = Type::object},
    {.name = "error", .type = Type::object, .schema = &kMcpError},
};

}  // namespace

Schema const kMcpMessage{.name = "McpMessage", .about = "of JSON-RPC 2.0", .fields = message, .open = true};
Schema const kMcpAnswer{.name = "McpAnswer", .about = "of JSON-RPC 2.0", .fields = answer};

}  // namespace ar::control
