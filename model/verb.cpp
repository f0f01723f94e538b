#include "model/verb.hpp"

#include <algorithm>

namespace ar {
namespace {

constexpr VerbRow rows[] = {
    {Verb::restart, "restart", "agent.restart", "timeoutMs", false, false, false,
     "a new provider process, same session; returns when it runs"},
    {Verb::stop, "stop", "agent.shutdown", "timeoutMs", false, true, true, "end its provider politely"},
    {Verb::kill, "kill", "agent.kill", "timeoutMs", false, true, true, "end its provider at once"},
    {Verb::interrupt, "interrupt", "", "", true, false, false, "interrupt the running turn"},
    {Verb::compact, "compact", "agent.compact", "", true, false, false, "compact its context"},
    {Verb::clear, "clear", "agent.clearContext", "", true, false, false, "start a fresh conversation"},
    {Verb::inject, "inject", "agent.injectContext", "content memoryIds", false, false, false,
     "add context without a turn"},
    {Verb::reconnect, "reconnect", "agent.reconnect", "", false, true, false,
     "tell and ask the bus anew, look at its terminal"},
    {Verb::suspend, "suspend", "", "timeoutMs", false, false, false, "stop the process, keep the session"},
    {Verb::resume, "resume", "", "timeoutMs", false, false, false, "go on with a suspended session"},
};

}  // namespace

std::span<VerbRow const> verbs() { return rows; }

VerbRow const* find_verb(std::string_view name) {
  auto const row = std::ranges::find(rows, name, &VerbRow::name);
  return row == std::end(rows) ? nullptr : row;
}

VerbRow const* find_command(std::string_view command) {
  auto const row = std::ranges::find(rows, command, &VerbRow::command);
  return command.empty() || row == std::end(rows) ? nullptr : row;
}

}  // namespace ar
