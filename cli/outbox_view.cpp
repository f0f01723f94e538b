#include "cli/outbox_view.hpp"

#include "cli/text.hpp"

namespace ar::cli {
namespace {

constexpr auto kShort = std::chrono::minutes(1);  ///< so long a receiver may be away unnoticed

}  // namespace

std::string outbox_problem(json const& outbox) {
  auto const since = outbox.contains("failingSince") ? time_of(outbox["failingSince"]) : std::nullopt;
  if (!since || wall_now() - *since < kShort) return {};
  auto const failing = number(outbox, "failing");
  return std::to_string(failing) +
         (failing == 1 ? " receiver of webhooks or callbacks takes" : " receivers of webhooks or callbacks take") +
         " nothing for " + age(wall_now() - *since) + "; " + std::to_string(number(outbox, "waiting")) +
         " deliveries wait";
}

}  // namespace ar::cli
