// What schedules do: messages are sent and agents spawned as if their owner asked for it just then.
#pragma once
#include "daemon/api/messages_api.hpp"
#include "daemon/api/sessions_api.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/schedule/schedules.hpp"
#include "daemon/services.hpp"

namespace ar::daemon {

class ScheduledWork {
 public:
  ScheduledWork(Services& services, Supervisor& supervisor, MessagesApi& messages, SessionsApi& sessions)
      : services_(services), supervisor_(supervisor), messages_(messages), sessions_(sessions) {}

  /// Whether `who` could do it now; what is wrong with it is told as of `does`. Fills in what the schedule shows of it.
  awaitable<Result<void>> check(Principal who, Schedule& schedule, json what);
  /// See Schedules::CarryOut. Errors: those of a send or a spawn.
  awaitable<Result<json>> carry_out(DueWork work);

 private:
  awaitable<Result<json>> send(Principal who, DueWork work);
  awaitable<Result<json>> spawn(Principal who, DueWork work, IdempotencyKey key);

  Services& services_;
  Supervisor& supervisor_;
  MessagesApi& messages_;
  SessionsApi& sessions_;
};

}  // namespace ar::daemon
