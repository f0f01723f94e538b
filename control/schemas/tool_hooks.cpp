#include "control/schemas/schemas.hpp"
#include "model/tool_hook.hpp"

namespace ar::control {
namespace {

constexpr Field new_hook[] = {
    {.name = "owner", .about = "who registers it; owner and name together are its identity", .required = true},
    {.name = "name", .required = true},
    {.name = "phase",
     .about = "pre: asked before a call, in the order of registration; post: about its result, the other way round",
     .required = true,
     .words = kToolHookPhases},
    {.name = "tools",
     .type = Type::list,
     .about = "the tools' names as the provider has them, or how they begin and then *; none: all tools"},
    {.name = "callbackUrl", .about = "http(s), of this machine or a host of tool_hooks.hosts", .required = true},
    {.name = "failMode",
     .about =
         "where it cannot be asked: open lets the call go on (it does so where this is missing), closed refuses it",
     .words = kToolHookFailModes},
    {.name = "timeoutMs",
     .type = Type::integer,
     .about = "for its answer; 0, and where it is missing: 5 000",
     .least = 0,
     .most = 60'000},
};

constexpr Field hook[] = {
    {.name = "id", .about = "new with every registration", .required = true},
    {.name = "owner", .required = true},
    {.name = "name", .required = true},
    {.name = "phase", .required = true, .words = kToolHookPhases},
    {.name = "tools", .type = Type::list, .about = "none: all tools", .required = true},
    {.name = "callbackUrl", .required = true},
    {.name = "failMode", .required = true, .words = kToolHookFailModes},
    {.name = "timeoutMs", .type = Type::integer, .required = true},
    {.name = "createdAt", .type = Type::time, .about = "with this id", .required = true},
};

constexpr Field list[] = {
    {.name = "hooks", .type = Type::list, .required = true, .of = Type::object, .schema = &kToolHook},
};

constexpr Field removed[] = {{.name = "deleted", .about = "the id", .required = true}};

}  // namespace

Schema const kNewToolHook{.name = "NewToolHook", .fields = new_hook};
Schema const kToolHook{.name = "ToolHook", .about = "who is asked about agents' tool calls", .fields = hook};
Schema const kToolHookList{.name = "ToolHookList", .about = "in the order of registration", .fields = list};
Schema const kToolHookRemoved{.name = "ToolHookRemoved", .fields = removed};

}  // namespace ar::control
