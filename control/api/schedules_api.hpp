// Schedules: what is sent or spawned at its time (docs/schedules.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "model/idempotency.hpp"
#include "model/page.hpp"
#include "model/principal.hpp"

#include <string>

namespace ar::control {

/// io thread only. An agent sees and changes its own; others' are as good as absent. Errors of one that is named:
/// no_such_schedule, gone.
class SchedulesApi {
 public:
  virtual ~SchedulesApi() = default;
  /// Errors: invalid fields, too_many_schedules, too_large, quota; those of what is to be done: of a send or a spawn.
  /// What was asked for with the same key is there already, and is the answer.
  virtual awaitable<Result<json>> add_schedule(Principal who, json request, IdempotencyKey key) = 0;
  virtual awaitable<Result<json>> schedules(Principal who, Page page) = 0;  ///< {schedules: [...], nextCursor?}
  virtual awaitable<Result<json>> schedule(Principal who, std::string id) = 0;
  virtual awaitable<Result<json>> pause_schedule(Principal who, std::string id, bool paused) = 0;
  virtual awaitable<Result<json>> remove_schedule(Principal who, std::string id) = 0;  ///< {removed}
  /// Error: schedule_under_way.
  virtual awaitable<Result<json>> run_schedule(Principal who, std::string id) = 0;
};

}  // namespace ar::control
