// The memory: values by scope, id and key.
#include "control/api/memory_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

MemoryAddress address_of(Call const& call) { return {call.name("scope"), call.name("id"), call.name("key")}; }

MemoryPage page_of(Call const& call) {
  return {call.query.text("prefix").value_or(""), call.query.text("cursor").value_or(""),
          static_cast<int>(call.integer("limit"))};
}

Result<MemoryCondition> condition_of(Call const& call) {
  MemoryCondition condition;
  if (auto const match = call.request.header("if-match")) {
    auto const tag = match->size() < 2 ? std::string_view() : match->substr(1, match->size() - 2);
    bool const one =
        !tag.empty() && match->front() == '"' && match->back() == '"' && tag.find('"') == std::string_view::npos;
    if (*match == "*")
      condition.present = true;
    else if (one)
      condition.version = tag;
    else
      return invalid("If-Match", "If-Match takes one ETag in its quotes, as an entry came with, or *");
  }
  if (auto const none = call.request.header("if-none-match")) {
    if (*none != "*") return invalid("If-None-Match", "If-None-Match takes * alone: only where there is no such entry");
    condition.absent = true;
  }
  return condition;
}

Response with_etag(Response response, json const& entry) {
  response.headers.push_back({"ETag", "\"" + entry.at("version").dump() + "\""});
  return response;
}

/// HTTP's own answer where the condition does not hold.
Response refusal(Error const& error) { return problem(error, error.code == "precondition_failed" ? 412 : 0); }

awaitable<Result<Response>> scopes(Call& call) { co_return respond(co_await call.api.memory.memory_scopes()); }

awaitable<Result<Response>> ids(Call& call) {
  co_return respond(co_await call.api.memory.memory_ids(call.name("scope"), page_of(call)));
}

awaitable<Result<Response>> list(Call& call) {
  co_return respond(co_await call.api.memory.memory_entries(call.name("scope"), call.name("id"), page_of(call)));
}

awaitable<Result<Response>> show(Call& call) {
  auto const entry = co_await call.api.memory.memory_entry(address_of(call));
  if (!entry) co_return entry.error();
  co_return with_etag(json_response(*entry), *entry);
}

awaitable<Result<Response>> put(Call& call) {
  auto condition = condition_of(call);
  if (!condition) co_return condition.error();
  auto body = call.object();
  if (!body) co_return body.error();
  auto const written =
      co_await call.api.memory.put_memory(address_of(call), std::move((*body)["value"]), std::move(*condition));
  if (!written) co_return refusal(written.error());
  co_return with_etag(json_response(written->entry, written->created ? 201 : 200), written->entry);
}

awaitable<Result<Response>> remove(Call& call) {
  auto condition = condition_of(call);
  if (!condition) co_return condition.error();
  auto const removed = co_await call.api.memory.remove_memory(address_of(call), std::move(*condition));
  if (!removed) co_return refusal(removed.error());
  co_return json_response(*removed);
}

constexpr Field ids_query[] = {kLimit, kNameCursor};
constexpr Field entries_query[] = {{.name = "prefix", .about = "of the keys"}, kLimit, kNameCursor};

constexpr Route rows[] = {
    {.method = "GET",
     .pattern = "/v1/memory",
     .name = "listMemoryScopes",
     .summary = "the scopes of the memory",
     .handler = scopes,
     .answer = &kMemoryScopeList,
     .answers = "`{scopes: [{scope, ids, entries, bytes}]}` ([memory.md](memory.md))"},
    {.method = "GET",
     .pattern = "/v1/memory/{scope}",
     .name = "listMemoryIds",
     .summary = "who has something in a scope",
     .handler = ids,
     .right = Right::agent,
     .query = ids_query,
     .answer = &kMemoryIdList,
     .answers = "`{ids: [{id, entries, bytes}], nextCursor?}`; an agent's token: of `shared`"},
    {.method = "GET",
     .pattern = "/v1/memory/{scope}/{id}",
     .name = "listMemory",
     .summary = "entries in the order of their keys",
     .handler = list,
     .right = Right::agent,
     .query = entries_query,
     .answer = &kMemoryEntryList,
     .errors = "not_your_memory",
     .answers = "`{entries: [...], nextCursor?}`, about 1 MiB of values at the most; an agent's token reaches `shared` "
                "and its own, `agent/ID`, with these routes"},
    {.method = "GET",
     .pattern = "/v1/memory/{scope}/{id}/{key}",
     .name = "showMemory",
     .summary = "one entry",
     .handler = show,
     .right = Right::agent,
     .answer = &kMemoryEntry,
     .errors = "not_your_memory no_such_entry",
     .answers = "`{scope, id, key, value, version, bytes, updatedAt}`; `ETag`"},
    {.method = "PUT",
     .pattern = "/v1/memory/{scope}/{id}/{key}",
     .name = "putMemory",
     .summary = "set an entry's value",
     .handler = put,
     .right = Right::agent,
     .body = Body::json,
     .headers = "If-Match If-None-Match",
     .request = &kNewMemory,
     .answer = &kMemoryWritten,
     .statuses = "201 200",
     .errors = "not_your_memory no_such_agent precondition_failed too_large quota",
     .answers = "the entry without its value; `ETag`. 200: it had another value before. `If-Match: ETAG` or "
                "`If-None-Match: *`: 412 where that is not so"},
    {.method = "DELETE",
     .pattern = "/v1/memory/{scope}/{id}/{key}",
     .name = "removeMemory",
     .summary = "remove an entry",
     .handler = remove,
     .right = Right::agent,
     .headers = "If-Match",
     .answer = &kMemoryRemoved,
     .errors = "not_your_memory no_such_entry precondition_failed",
     .answers = "`{removed}`; `If-Match` as above"},
};

}  // namespace

std::span<Route const> memory_routes() { return rows; }

}  // namespace ar::control
