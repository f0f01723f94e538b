// Schedules: what is sent or spawned at its time.
#include "control/api/schedules_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

awaitable<Result<Response>> add(Call& call) {
  auto request = call.object();
  if (!request) co_return request.error();
  auto const added = co_await call.api.schedules.add_schedule(call.who, std::move(*request), call.key);
  if (!added) co_return added.error();
  auto response = json_response(*added, 201);
  response.headers.push_back({"Location", "/v1/schedules/" + (*added)["id"].get<std::string>()});
  co_return response;
}

awaitable<Result<Response>> list(Call& call) {
  auto page = call.page_of_names();
  if (!page) co_return page.error();
  co_return respond(co_await call.api.schedules.schedules(call.who, std::move(*page)));
}

awaitable<Result<Response>> show(Call& call) {
  co_return respond(co_await call.api.schedules.schedule(call.who, call.name("schedule")));
}

awaitable<Result<Response>> pause(Call& call) {
  auto const request = call.object();
  if (!request) co_return request.error();
  bool const paused = truth_at(*request, "paused");
  co_return respond(co_await call.api.schedules.pause_schedule(call.who, call.name("schedule"), paused));
}

awaitable<Result<Response>> remove(Call& call) {
  co_return respond(co_await call.api.schedules.remove_schedule(call.who, call.name("schedule")));
}

awaitable<Result<Response>> run(Call& call) {
  auto const request = call.object();
  if (!request) co_return request.error();
  co_return respond(co_await call.api.schedules.run_schedule(call.who, call.name("schedule")));
}

constexpr Field list_query[] = {kLimit, kNameCursor};

constexpr Route rows[] = {
    {.method = "POST",
     .pattern = "/v1/schedules",
     .name = "addSchedule",
     .summary = "send or spawn something later, once or again and again",
     .handler = add,
     .right = Right::agent,
     .body = Body::json,
     .request = &kNewSchedule,
     .answer = &kSchedule,
     .statuses = "201",
     .errors = "too_many_schedules too_large quota no_such_agent gone not_your_name not_your_message not_your_task "
               "unknown_message unknown_attachment no_receiver not_granted too_many_children wrong_state "
               "agent_removed unsupported command_not_found file_not_found outside_folders not_a_file "
               "not_a_directory bad_config",
     .answers = "the schedule ([schedules.md](schedules.md)); `Location`. It must be something that the caller may do "
                "now, and is asked again when it is due"},
    {.method = "GET",
     .pattern = "/v1/schedules",
     .name = "listSchedules",
     .summary = "list the schedules",
     .handler = list,
     .right = Right::agent,
     .query = list_query,
     .answer = &kScheduleList,
     .answers = "`{schedules: [...], nextCursor?}`; an agent's token: its own"},
    {.method = "GET",
     .pattern = "/v1/schedules/{schedule}",
     .name = "showSchedule",
     .summary = "one schedule",
     .handler = show,
     .right = Right::agent,
     .answer = &kSchedule,
     .errors = "no_such_schedule gone",
     .answers = "the schedule; of a message also that, as `message`"},
    {.method = "PATCH",
     .pattern = "/v1/schedules/{schedule}",
     .name = "pauseSchedule",
     .summary = "pause a schedule, or let it go on",
     .handler = pause,
     .right = Right::agent,
     .body = Body::json,
     .request = &kSchedulePause,
     .answer = &kSchedule,
     .errors = "no_such_schedule gone",
     .answers = "the schedule; due times that pass while it is paused are left out"},
    {.method = "DELETE",
     .pattern = "/v1/schedules/{schedule}",
     .name = "removeSchedule",
     .summary = "remove a schedule",
     .handler = remove,
     .right = Right::agent,
     .answer = &kScheduleRemoved,
     .errors = "no_such_schedule gone",
     .answers = "`{removed}`"},
    {.method = "POST",
     .pattern = "/v1/schedules/{schedule}/run",
     .name = "runSchedule",
     .summary = "carry a schedule out now, besides its times",
     .handler = run,
     .right = Right::agent,
     .body = Body::json,
     .request = &kNothing,
     .answer = &kSchedule,
     .errors = "no_such_schedule gone schedule_under_way",
     .answers = "the schedule, whose `last` says what came of it; after 30 s it is answered as `underWay`"},
};

}  // namespace

std::span<Route const> schedule_routes() { return rows; }

}  // namespace ar::control
