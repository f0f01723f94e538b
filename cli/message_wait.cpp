#include "cli/message_wait.hpp"

#include "cli/context.hpp"
#include "cli/message_view.hpp"
#include "cli/text.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace ar::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// "held: ...", or "" while the daemon does not say.
std::string standing_of(ApiClient& api, std::string const& id) {
  auto const now_at = api.get("/v1/messages/" + id);
  if (!now_at) return {};
  auto const standing = summary_of(message_in(*now_at));
  return standing.empty() ? "no agent has it yet" : standing;
}

}  // namespace

/// Waits in stretches, so that no connection idles for long and a daemon that restarts meanwhile is found
/// again: the message is durable, only the waiting is ours. Between them a person is told what is new.
Result<json> wait_for_message(Context const& context, ApiClient& api, std::string const& id, std::string const& store,
                              std::string const& until, milliseconds patience) {
  auto const deadline = SteadyClock::now() + patience;
  constexpr milliseconds longest{60'000};
  milliseconds stretch{2'000};
  std::string told;
  auto away_since = SteadyClock::time_point::max();
  for (;;) {
    auto const left = std::chrono::ceil<milliseconds>(deadline - SteadyClock::now());
    auto const now = std::clamp(left, milliseconds(1), stretch);
    auto answer = api.get("/v1/messages/" + id + "?wait=" + until + "&store=" + encoded(store) +
                              "&timeoutMs=" + std::to_string(now.count()),
                          now + milliseconds(10'000));
    if (answer) return answer;
    auto const kind = answer.error().kind;
    if (kind == ErrorKind::unavailable) {
      away_since = std::min(away_since, SteadyClock::now());
      if (SteadyClock::now() - away_since > std::chrono::seconds(30)) return answer;
      std::this_thread::sleep_for(milliseconds(200));  // a restarting daemon; see EventFollower
    } else if (kind != ErrorKind::timeout) {
      return answer;
    } else {
      away_since = SteadyClock::time_point::max();
    }
    auto const standing = standing_of(api, id);
    if (SteadyClock::now() < deadline) {
      stretch = std::min(2 * stretch, longest);
      if (context.terminal() && !standing.empty() && standing != told)
        context.note("message " + id + " is " + single_line(standing));
      told = standing;
      continue;
    }
    return timed_out("message " + id + " is sent, but not " + until + " within " + duration(patience) +
                     (standing.empty() ? "" : " (" + standing + ")") +
                     "; it stays on its way: agent-runner message show " + id);
  }
}

void print_replies(Context const& context, json const& message) {
  bool any = false;
  auto const to = field(message, "to");
  bool const for_several = to.find(':') != to.npos || to == "broadcast";
  for (auto const& reply : array(message, "replies")) {
    if (says_why_not(reply) || !is_answer(message, reply)) continue;  // the remark does; or it is a third's
    if (for_several) context.print(single_line(field(reply, "from")) + ":\n");
    auto const text = field(reply, "body");
    context.print_foreign(text);
    if (!text.ends_with('\n')) context.print("\n");
    any = true;
  }
  if (any) return;
  for (auto const& delivery : array(message, "deliveries")) {
    auto const text = field(delivery, "finalText");
    if (text.empty()) continue;
    context.print_foreign(text);
    if (!text.ends_with('\n')) context.print("\n");
  }
}

}  // namespace ar::cli
