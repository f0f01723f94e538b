// Snapshots: taking, listing, exporting and restoring them.
#include "control/api/snapshots_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

#include <memory>
#include <stdexcept>
#include <utility>

namespace ar::control {
namespace {

awaitable<Result<Response>> create(Call& call) {
  auto request = call.object();
  if (!request) co_return request.error();
  auto const created = co_await call.api.snapshots.create_snapshot(std::move(*request));
  if (!created) co_return created.error();
  auto response = json_response(*created, 201);
  response.headers.push_back({"Location", "/v1/snapshots/" + created->value("id", "")});
  co_return response;
}

awaitable<Result<Response>> list(Call& call) {
  co_return respond(co_await call.api.snapshots.snapshots(call.query.text("labelContains").value_or(""),
                                                          static_cast<int>(call.integer("limit"))));
}

awaitable<Result<Response>> show(Call& call) {
  co_return respond(co_await call.api.snapshots.snapshot(call.name("snapshot")));
}

awaitable<void> send(std::shared_ptr<SnapshotDocument> document, Peer& peer) {
  for (;;) {
    auto const piece = co_await document->next();
    // The answer must not look whole: without its end the client sees that it is not.
    if (!piece) throw std::runtime_error(piece.error().message);
    if (piece->empty()) co_return;
    bool const taken = co_await peer.write(*piece);
    if (!taken) co_return;
  }
}

awaitable<Result<Response>> export_document(Call& call) {
  auto const id = call.name("snapshot");
  auto document = co_await call.api.snapshots.export_snapshot(id);
  if (!document) co_return document.error();
  Response response;
  response.content_type = "application/json";
  response.headers.push_back({"Content-Disposition", "attachment; filename=\"" + id + ".json\""});
  response.stream = [document = std::shared_ptr<SnapshotDocument>(std::move(*document))](Peer& peer) {
    return send(document, peer);
  };
  co_return response;
}

awaitable<Result<Response>> remove(Call& call) {
  auto const removed = co_await call.api.snapshots.remove_snapshot(call.name("snapshot"));
  if (!removed) co_return removed.error();
  co_return Response{.status = 204};
}

awaitable<Result<Response>> restore(Call& call) {
  auto request = call.object();
  if (!request) co_return request.error();
  co_return respond(co_await call.api.snapshots.restore_snapshot(std::move(*request)));
}

constexpr Field list_query[] = {
    {.name = "limit", .type = Type::integer, .least = 1, .most = 200, .otherwise = 200},
    {.name = "labelContains", .about = "only those whose label has this text in it"},
};

constexpr Route rows[] = {
    {.method = "GET",
     .pattern = "/v1/snapshots",
     .name = "listSnapshots",
     .summary = "the snapshots that there are",
     .handler = list,
     .query = list_query,
     .answer = &kSnapshotList,
     .answers = "`{snapshots: [...]}`, the newest first; there are 200 at the most ([snapshots.md](snapshots.md))"},
    {.method = "POST",
     .pattern = "/v1/snapshots",
     .name = "createSnapshot",
     .summary = "take a snapshot of all agents",
     .handler = create,
     .body = Body::json,
     .request = &kNewSnapshot,
     .answer = &kSnapshot,
     .rate = &Limits::snapshots,
     .statuses = "201",
     .errors = "quota snapshot_too_large",
     .answers = "`{id, label, createdAt, bytes, includeHistory, sections: {name: {version, count}}}`"},
    {.method = "GET",
     .pattern = "/v1/snapshots/{snapshot}",
     .name = "showSnapshot",
     .summary = "one snapshot",
     .handler = show,
     .answer = &kSnapshot,
     .errors = "no_such_snapshot gone",
     .answers = "the snapshot, without its document"},
    {.method = "GET",
     .pattern = "/v1/snapshots/{snapshot}/export",
     .name = "exportSnapshot",
     .summary = "a snapshot's document, to be restored anywhere",
     .handler = export_document,
     .errors = "no_such_snapshot gone",
     .answers = "one JSON document, as it is read from the disk"},
    {.method = "DELETE",
     .pattern = "/v1/snapshots/{snapshot}",
     .name = "removeSnapshot",
     .summary = "remove a snapshot",
     .handler = remove,
     .statuses = "204",
     .answers = "nothing, also where there is no such snapshot"},
    {.method = "POST",
     .pattern = "/v1/snapshots/restore",
     .name = "restoreSnapshot",
     .summary = "bring back what a snapshot holds, and is not here",
     .handler = restore,
     .body = Body::message,
     .request = &kSnapshotRestore,
     .answer = &kRestoredSnapshot,
     .rate = &Limits::restores,
     .errors = "no_such_snapshot gone snapshot_damaged snapshot_version snapshot_too_large file_not_found not_a_file",
     .answers =
         "`{snapshot, sections: {name: {written, skipped}}, agents: [{agent, result, state?, reason?, withheld?, "
         "leftOut?}], leftOut?}`; 422 `snapshot_version`"},
};

}  // namespace

std::span<Route const> snapshot_routes() { return rows; }

}  // namespace ar::control
