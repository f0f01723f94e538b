#include "daemon/agent/child_result.hpp"

namespace ar::daemon {

NewMessage result_of_child(AgentSpec const& spec, AgentRecord const& record, std::string const& text) {
  auto const& call = spec.call;
  NewMessage message;
  message.from = spec.id;
  message.to = spec.parent;
  message.kind = "result";
  message.subject =
      "Result of " + name_of(spec) + (call.call_id.empty() ? "" : " for call " + call.call_id) + ": " + record.result;
  message.body = text.empty() ? "It ended without a text." : text;
  message.payload = {{"outcome", record.result},
                     {"childSessionId", spec.id},
                     {"subagentName", name_of(spec)},
                     {"rootSessionId", spec.root}};
  auto const parent = parent_json(spec);
  message.payload["turn"] = parent["turn"];
  message.payload["callId"] = parent["callId"];
  message.idempotency_key = "child-result:" + spec.id + ":" + std::to_string(to_millis(record.created_at));
  return message;
}

}  // namespace ar::daemon
