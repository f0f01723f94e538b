// The outputs of sessions: listed, one by one, and all in an archive.
#include "control/api/outputs_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"
#include "control/session_input.hpp"

#include <spdlog/spdlog.h>

namespace ar::control {
namespace {

awaitable<void> send(Download what, Peer& peer) {
  auto const sent = co_await what.send(peer);
  if (sent) co_return;
  spdlog::warn("control: {} is cut off while it is sent: {}", what.file_name, sent.error().message);
  peer.cut_off();
}

/// A browser saves it, whatever its type: what an agent made must not run as a page of ours.
Response attachment(Download what) {
  Response response{.content_type = what.content_type};
  response.headers.push_back({"Content-Disposition", "attachment; filename=\"" + what.file_name + "\""});
  response.stream = [what = std::move(what)](Peer& peer) { return send(what, peer); };
  return response;
}

awaitable<Result<Response>> list(Call& call) {
  auto const since = read_since(call.query.text("since"));
  if (!since) co_return since.error();
  OutputQuery query{call.query.text("name"), call.query.text("type"), *since, call.integer("cursor"),
                    static_cast<int>(call.integer("limit"))};
  co_return respond(co_await call.api.outputs.outputs(call.name("session"), std::move(query)));
}

awaitable<Result<Response>> one(Call& call) {
  auto found = co_await call.api.outputs.output(call.name("session"), call.name("output"));
  if (!found) co_return found.error();
  co_return attachment(std::move(*found));
}

awaitable<Result<Response>> archive(Call& call) {
  auto made = co_await call.api.outputs.archive(call.name("session"));
  if (!made) co_return made.error();
  co_return attachment(std::move(*made));
}

constexpr Field outputs_query[] = {
    {.name = "name", .about = "a pattern with * and ? that its name, or the last part of it, fits"},
    {.name = "type", .about = "its contentType: image/png, or image/*"},
    {.name = "since", .about = "captured since then: a time, or ms since 1970"},
    kLimit,
    kCursor,
};

constexpr Route rows[] = {
    {.method = "GET",
     .pattern = "/v1/sessions/{session}/outputs",
     .name = "listOutputs",
     .summary = "the files that its agent has made, in the order in which they were captured",
     .handler = list,
     .query = outputs_query,
     .answer = &kOutputList,
     .errors = "no_such_agent gone",
     .answers =
         "`{outputs: [...], missing: [...], nextCursor?}` ([outputs.md](outputs.md)); waits for a capture that is "
         "under way, 10 s at most"},
    {.method = "GET",
     .pattern = "/v1/sessions/{session}/outputs/{output}",
     .name = "output",
     .summary = "one of its outputs",
     .handler = one,
     .errors = "no_such_agent gone unknown_output",
     .answers = "the file's bytes, of its `contentType` or `application/octet-stream`"},
    {.method = "GET",
     .pattern = "/v1/sessions/{session}/archive",
     .name = "archiveOfSession",
     .summary = "all of it in a zip: run, events, outputs",
     .handler = archive,
     .rate = &Limits::archives,
     .errors = "no_such_agent gone run_not_started",
     .answers = "a zip with `run.json`, `events.jsonl`, `outputs/` and `manifest.json` ([outputs.md](outputs.md))"},
};

}  // namespace

std::span<Route const> output_routes() { return rows; }

}  // namespace ar::control
