// What an agent's process says of itself from outside its provider: what it is at, or that it is at nothing
// (docs/control-api.md).
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"
#include "daemon/delivery/work.hpp"

#include <string>
#include <vector>

namespace ar::daemon {

struct StatusReport {
  std::string status;              ///< busy, idle, offline, error
  Work::Item work;                 ///< that begins or ends with it
  std::vector<std::string> clear;  ///< kinds of work that are over
  json timeline = nullptr;         ///< for the bus; null: nothing
  std::string provider_session;    ///< of the process that says so; empty: it does not say
};

/// Errors name the field; too_large.
Result<StatusReport> status_report_from(json const& body);
/// `turn_runs`: a turn that the daemon itself has seen, which ends by its own end only. Error: too_much_work.
Result<void> apply(StatusReport const& report, Work& work, bool turn_runs);

}  // namespace ar::daemon
