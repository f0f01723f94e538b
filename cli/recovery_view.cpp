#include "cli/recovery_view.hpp"

#include "cli/table.hpp"
#include "cli/text.hpp"

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace ar::cli {
namespace {

using Words = std::pair<char const*, char const*>;  ///< a field's name, and what it is for people

/// "3 done, 1 unknown": those that are more than none.
template <std::size_t n>
std::string numbers(json const& counts, std::array<Words, n> const& names) {
  std::string text;
  for (auto const& [name, words] : names)
    if (auto const count = number(counts, name); count > 0)
      text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + words;
  return text.empty() ? "none" : text;
}

constexpr std::array kAgents{Words{"back", "back"},
                             Words{"limited", "limited"},
                             Words{"suspended", "suspended"},
                             Words{"stopped", "stopped"},
                             Words{"waiting", "waiting for a person"},
                             Words{"failed", "failed"},
                             Words{"late", "not there yet"},
                             Words{"removed", "removed"}};
constexpr std::array kMessages{Words{"done", "done"},
                               Words{"failed", "failed"},
                               Words{"interrupted", "interrupted"},
                               Words{"goes_on", "gone on with"},
                               Words{"again", "sent again"},
                               Words{"unknown", "unknown"},
                               Words{"removed", "removed"},
                               Words{"waiting", "waiting"}};

std::string outcome_of(json const& row, char const* name) {
  auto outcome = single_line(field(row, name));
  for (auto const& [known, words] : kMessages)
    if (outcome == known) outcome = words;
  return outcome;
}

std::string turns_of(json const& agent) {
  std::string text;
  for (auto const& turn : array(agent, "turns")) {
    auto const status = field(turn, "status");
    text += (text.empty() ? "" : ", ") + field(turn, "turn") +
            (status.empty()            ? ""
             : status == "interrupted" ? " cut off"
                                       : " " + single_line(status));
  }
  return text;
}

std::string messages_of(json const& agent) {
  std::string text;
  for (auto const& row : array(agent, "messages")) {
    auto const outcome = outcome_of(row, "outcome");
    auto const id = number(row, "message");
    text += (text.empty() ? "" : ", ") + (id < 0 ? "own note" : std::to_string(id)) +
            (outcome.empty() ? "" : " " + outcome);
  }
  return text;
}

std::string approvals_of(json const& agent) {
  std::string text;
  for (auto const& row : array(agent, "approvals")) text += (text.empty() ? "" : ", ") + field(row, "id");
  return text;
}

Colour colour_of(std::string const& outcome) {
  if (outcome == "back") return Colour::green;
  if (outcome == "failed" || outcome == "late") return Colour::red;
  return outcome == "limited" || outcome == "waiting" ? Colour::yellow : Colour::dim;
}

}  // namespace

void print_recovery(Context const& context, json const& report) {
  auto const started = report.contains("startedAt") ? time_of(report["startedAt"]) : std::nullopt;
  std::string text =
      field(report, "cause") == "reboot" ? "the machine was started again" : "all agents' processes had ended at once";
  if (started) text = date_text(*started) + "  " + text;
  if (field(report, "state") == "recovered") {
    auto const& counts = report["counts"];
    text += "; over after " + duration(milliseconds(number(report, "tookMs"))) + "\n";
    text += "agents     " + std::to_string(number(counts, "agents")) + ": " + numbers(counts, kAgents) + "\n";
    text += "turns      " + std::to_string(number(counts, "turnsCutOff")) + " cut off; their sessions are told\n";
    if (counts.contains("messages")) text += "messages   " + numbers(counts["messages"], kMessages) + "\n";
    text += "approvals  " + std::to_string(number(counts, "approvalsWithdrawn")) + " withdrawn\n";
  } else {
    text += "; not all agents are back yet\n";
  }
  context.print(text + "\n");
  Table table({{"AGENT", false, 32},
               {"BEFORE"},
               {"NOW"},
               {"TOOK", true},
               {"TURN", false, 0, 2},
               {"APPROVALS", false, 0, 3},
               {"MESSAGES", false, 0, 1}});
  for (auto const& agent : array(report, "agents")) {
    auto const outcome = field(agent, "outcome");
    table.add({{field(agent, "agent"), Colour::bold},
               field(agent, "before"),
               {outcome, colour_of(outcome)},
               agent.contains("tookMs") ? duration(milliseconds(number(agent, "tookMs"))) : "",
               turns_of(agent),
               approvals_of(agent),
               messages_of(agent)});
  }
  context.print(table);
  context.note("all that has happened since: agent-runner events --from " + std::to_string(number(report, "event")));
}

}  // namespace ar::cli
