#include "daemon/tools/tool_hook_chain.hpp"

#include "base/http/within.hpp"
#include "base/unicode.hpp"
#include "daemon/tools/tool_hook_answer.hpp"

namespace ar::daemon {
namespace {

constexpr std::size_t kReasonShown = 500;

std::string body_of(ToolCaller const& caller, adapters::ToolCall const& call) {
  json body = {{"phase", call.after ? "post" : "pre"},
               {"agent", caller.agent},
               {"session", caller.agent},
               {"turn", caller.turn},
               {"tool_call", {{"id", call.id}, {"name", call.name}, {"input", call.input}}}};
  if (call.after) body["tool_result"] = {{"text", call.result.text}, {"is_error", call.result.is_error}};
  return to_text(body);
}

}  // namespace

awaitable<adapters::ToolVerdict> ToolHookChain::run(ToolCaller caller, adapters::ToolCall call) {
  adapters::ToolVerdict verdict;
  auto const deadline = Clock::now() + kTime;
  for (auto const& hook : hooks_.wanting(call.after, call.name)) {
    auto body = body_of(caller, call);
    auto const patience = std::min<Clock::duration>(hook.timeout, deadline - Clock::now());
    auto said = co_await ask(hook, std::move(body), patience);
    if (!said) {
      tell("tool_hook.failed", caller, call, hook, said.error().message);
      if (!hook.closed) continue;
      adapters::ToolResult refusal{
          "The tool hook " + to_string(hook) + " must be asked about this, and failed: " + said.error().message, true};
      (call.after ? verdict.result : verdict.denied) = std::move(refusal);
      co_return verdict;
    }
    if (said->denied) {
      tell("tool_hook.denied", caller, call, hook, said->denied->text);
      verdict.denied = std::move(said->denied);
      co_return verdict;
    }
    if (said->input || said->result) tell("tool_hook.rewrote", caller, call, hook);
    // The next one is asked about what this one has made of it.
    if (said->input) verdict.input = call.input = std::move(*said->input);
    if (said->result) verdict.result = call.result = std::move(*said->result);
    if (!said->context.empty()) verdict.context += (verdict.context.empty() ? "" : "\n\n") + said->context;
  }
  co_return verdict;
}

awaitable<Result<adapters::ToolVerdict>> ToolHookChain::ask(ToolHook hook, std::string body, Clock::duration patience) {
  bool const after = hook.after;
  if (patience <= Clock::duration::zero())
    co_return timed_out("the hooks before it have taken all the time that there is for one call");
  auto const answer = co_await http::within(patience, ask_(std::move(hook), std::move(body), patience));
  if (!answer) co_return timed_out("it did not answer in time");
  if (!*answer) co_return answer->error();
  auto verdict = read_tool_hook_answer(**answer, after);
  if (!verdict) co_return invalid("answer", "its answer is none of a tool hook: " + verdict.error().message);
  co_return verdict;
}

void ToolHookChain::fell_short(ToolCaller const& caller, adapters::ToolCall const& call, std::string const& why) {
  events_.append(caller.agent, "tool_hook.failed",
                 {{"phase", call.after ? "post" : "pre"}, {"tool", call.name}, {"id", call.id}, {"reason", why}});
}

void ToolHookChain::tell(char const* type, ToolCaller const& caller, adapters::ToolCall const& call,
                         ToolHook const& hook, std::string_view reason) {
  json data = {{"hook", to_string(hook)},
               {"phase", hook.phase()},
               {"tool", call.name},
               {"id", call.id},
               {"failMode", hook.fail_mode()}};
  if (!reason.empty()) data["reason"] = cut_utf8(reason, kReasonShown);
  events_.append(caller.agent, type, std::move(data));
}

}  // namespace ar::daemon
