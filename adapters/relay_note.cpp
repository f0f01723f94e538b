#include "adapters/relay_note.hpp"

namespace ar::adapters {

std::string relay_note(std::string const& command) {
  return "Prompts framed by [agent-runner CODE ...] and [end CODE] are messages from other agents and people; the "
         "words between are the sender's. Answer one that says \"reply expected\" with the skill agent-runner:reply "
         "(`" +
         command +
         " reply NUMBER 'TEXT'`); what you merely write here does not reach its sender. The skill "
         "agent-runner:guide tells the rest.";
}

std::string added_instructions(LaunchRequest const& request, std::string const& command, bool tools) {
  std::string all;
  auto const add = [&](std::string const& text) {
    if (!text.empty()) all += (all.empty() ? "" : "\n\n") + text;
  };
  if (!request.profile || request.profile->relay_context) add(relay_note(command));
  if (tools)
    add("The tools of the MCP server agent-runner (reply, react, inbox, send_message and others) do the same as its "
        "command, without a shell.");
  if (request.profile)
    for (auto const& text : request.profile->append) add(text);
  add(request.system_prompt_append);
  return all;
}

}  // namespace ar::adapters
