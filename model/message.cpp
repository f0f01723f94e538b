#include "model/message.hpp"

#include "base/unicode.hpp"

#include <algorithm>
#include <array>

namespace ar {
namespace {

constexpr std::array<std::string_view, 5> kTaskStatus{"open", "in_progress", "done", "failed", "cancelled"};
constexpr std::array<std::string_view, 6> kCommandStatus{"pending",   "accepted", "running",
                                                         "succeeded", "failed",   "expired"};

template <class Enum, std::size_t N>
std::optional<Enum> named(std::array<std::string_view, N> const& names, std::string_view text) {
  auto const found = std::ranges::find(names, text);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}
bool flag(json const& payload, char const* name) {
  auto const found = payload.is_object() ? payload.find(name) : payload.end();
  return found != payload.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace

std::optional<std::int64_t> Message::task_id() const {
  auto const found = payload.is_object() ? payload.find("taskId") : payload.end();
  if (found == payload.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<std::int64_t>();
}
bool Message::urgent() const { return flag(payload, "urgent"); }
bool Message::reply_requested() const { return flag(payload, "replyRequested"); }

std::vector<std::string> addresses_of(Identity const& who) {
  std::vector<std::string> addresses{who.agent_id};
  if (!who.label.empty()) addresses.push_back("label:" + who.label);
  if (who.narrow) return addresses;
  addresses.emplace_back("broadcast");
  for (auto const& tag : who.tags) addresses.push_back("tag:" + tag);
  for (auto const& capability : who.capabilities) addresses.push_back("cap:" + capability);
  return addresses;
}

bool addressed_to(Message const& message, Identity const& who) {
  if (message.resolved_to_agent) return *message.resolved_to_agent == who.agent_id;
  auto const addresses = addresses_of(who);
  return std::ranges::find(addresses, message.to) != addresses.end();
}

bool is_group_address(std::string_view to) {
  return to == "broadcast" || to.starts_with("label:") || to.starts_with("tag:") || to.starts_with("cap:");
}

std::string address_problem(std::string_view to) {
  if (to.empty()) return "is empty; name an agent id, label:L, tag:T, cap:C or broadcast";
  if (to.size() > kMaxNameBytes) return "is longer than " + std::to_string(kMaxNameBytes) + " bytes";
  if (auto problem = line_problem(to); !problem.empty()) return problem;
  if (to.front() == ' ' || to.back() == ' ') return "begins or ends with a blank";
  auto const colon = to.find(':');
  if (colon == std::string_view::npos) return {};
  if (!is_group_address(to))
    return "has the unknown prefix \"" + std::string(to.substr(0, colon + 1)) +
           "\"; use label:, tag: or cap:, or an agent id, which holds no colon";
  if (colon + 1 == to.size()) return "names nothing after \"" + std::string(to) + "\"";
  return {};
}

std::string_view to_string(TaskStatus status) { return kTaskStatus.at(static_cast<std::size_t>(status)); }
std::string_view to_string(CommandStatus status) { return kCommandStatus.at(static_cast<std::size_t>(status)); }
std::optional<TaskStatus> task_status_from(std::string_view text) { return named<TaskStatus>(kTaskStatus, text); }
std::optional<CommandStatus> command_status_from(std::string_view text) {
  return named<CommandStatus>(kCommandStatus, text);
}

}  // namespace ar
