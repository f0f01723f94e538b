// Searching what was said.
#include "control/api/search_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"
#include "control/session_input.hpp"

namespace ar::control {
namespace {

awaitable<Result<Response>> search(Call& call) {
  SearchRequest request;
  request.words = call.query.text("q").value_or("");
  request.agent = call.query.text("agent");
  request.limit = static_cast<int>(call.integer("limit"));
  auto const since = read_since(call.query.text("since"));
  if (!since) co_return since.error();
  request.since = *since;
  if (auto const cursor = call.query.text("cursor")) {
    auto const number = parse_number(*cursor);
    if (!number || *number <= 0) co_return invalid("cursor", "cursor must be the nextCursor of the page before");
    request.before = *number;
  }
  co_return respond(co_await call.api.search.search(call.who, std::move(request)));
}

constexpr Field search_query[] = {
    {.name = "q", .about = "words that all must be there; \"a phrase\"; begin*", .required = true},
    {.name = "agent", .about = "only its transcripts, and messages from it or for it"},
    {.name = "since", .about = "said since then: a time, or ms since 1970"},
    kLimit,
    kNameCursor,
};

constexpr Route rows[] = {
    {.method = "GET",
     .pattern = "/v1/search",
     .name = "search",
     .summary = "search transcripts and messages",
     .handler = search,
     .right = Right::agent,
     .query = search_query,
     .answer = &kFoundList,
     .rate = &Limits::searches,
     .errors = "no_such_agent gone",
     .answers =
         "`{results: [{kind, agent, session, conversation, turn, time, role, snippet, seq?, messageId?, from?, "
         "to?}], nextCursor?}`, newest first ([search.md](search.md)); an agent's token: its own transcripts and "
         "messages"},
};

}  // namespace

std::span<Route const> search_routes() { return rows; }

}  // namespace ar::control
