#include "base/http/router.hpp"

#include "base/json.hpp"
#include "control/event_stream.hpp"
#include "control/route.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <set>

using namespace ar;
using namespace ar::control;

TEST_CASE("RoutesAreFoundByMethodAndPath") {
  http::Router const router(routes(), "");
  auto const pattern = [&](std::string_view method, std::string_view path) {
    auto const match = router.match(method, path);
    if (!match.route) return match.allow;
    auto const& route = routes()[*match.route];
    return std::string(route.method) + " " + std::string(route.pattern);
  };
  CHECK(pattern("GET", "/healthz") == "GET /healthz");
  CHECK(pattern("HEAD", "/healthz") == "GET /healthz");
  CHECK(pattern("GET", "/v1/agents/x/screen") == "GET /v1/agents/{agent}/screen");
  CHECK(pattern("PUT", "/v1/agents/x") == "GET, HEAD, DELETE");
  CHECK(pattern("GET", "/v1/shutdown") == "POST");
  for (auto const* nothing : {"/", "/v1", "/v1/", "/v1/agents/", "/v1/agents//screen", "/v1/agents/x/", "//healthz",
                              "/healthz/", "/HEALTHZ", "/v1/agents/x/../y"})
    CHECK_MESSAGE(pattern("GET", nothing).empty(), nothing);
}

TEST_CASE("PathArgumentsAreDecodedAfterThePathIsSplit") {
  http::Router const router(routes(), "");
  CHECK(router.match("GET", "/v1/agents/a%2Fb").arguments.front().value == "a/b");
  CHECK(router.match("GET", "/v1/agents/%6e").arguments.front().value == "n");
  CHECK(router.match("GET", "/v1/agents/%zz").bad_escape);
}

TEST_CASE("APathMayHaveAnyNumberOfArguments") {
  struct Row {
    std::string_view method, pattern, query;
  };
  std::vector<Row> const rows{{"GET", "/agents/{agent}/notes/{note}", ""}, {"GET", "/agents/{agent}/{note}", ""}};
  http::Router const router(rows, "");
  auto const told = [&](std::string_view path) {
    auto const match = router.match("GET", path);
    std::string text = match.route ? std::string(rows[*match.route].pattern) : "nothing";
    for (auto const& [parameter, value] : match.arguments) text += " " + std::string(parameter) + "=" + value;
    return match.bad_escape ? text + " bad" : text;
  };
  CHECK(told("/agents/a/notes/7") == "/agents/{agent}/notes/{note} agent=a note=7");
  CHECK(told("/agents/a%20b/n") == "/agents/{agent}/{note} agent=a b note=n");
  CHECK(told("/agents/%zz/notes/7") == "/agents/{agent}/notes/{note} agent= note=7 bad");
  CHECK(told("/agents/a/notes/") == "nothing");
}

TEST_CASE("EveryRouteIsWholeAndOnce") {
  std::set<std::string> seen;
  for (auto const& route : routes()) {
    CAPTURE(route.pattern);
    CHECK_FALSE(!route.handler);
    CHECK_FALSE(route.summary.empty());
    CHECK(seen.insert(std::string(route.method) + std::string(route.pattern)).second);
    if (route.right == Right::none) CHECK(route.pattern == "/healthz");
  }
}

namespace {

std::string body_in_words(Route const& route) {
  if (route.body == Body::none) return "–";
  if (route.body == Body::attachment) return "the file's bytes; `Content-Type` is kept";
  if (route.body == Body::hook) return "the hook's JSON, with `X-Provider-Session`";
  constexpr std::size_t most = 16;
  if (route.request->fields.size() > most) return "`" + std::string(route.request->name) + "` (below)";
  std::string list;
  for (auto const& field : route.request->fields)
    list += (list.empty() ? "" : ", ") + std::string(field.name) + (field.required ? "" : "?");
  return "`{" + list + "}`" + (route.body == Body::skill ? ", or a zip with `Content-Type: application/zip`" : "");
}

/// Its line in docs/control-api.md.
std::string row_of(Route const& route) {
  auto path = std::string(route.pattern);
  for (char separator = '?'; auto const& field : route.query) {
    path += separator + std::string(field.name) + "=";
    separator = '&';
  }
  auto statuses = std::string(route.statuses);
  for (auto at = statuses.find(' '); at != std::string::npos; at = statuses.find(' ', at + 2)) statuses.insert(at, ",");
  auto const right = std::string(route.right == Right::none          ? "none"
                                 : route.right == Right::agent       ? "agent"
                                 : route.right == Right::family      ? "family"
                                 : route.right == Right::descendants ? "descendants"
                                                                     : "operator");
  return "| " + std::string(route.method) + " | `" + path + "` | " + right + " | " + body_in_words(route) + " | " +
         std::string(route.answers) + " | " + statuses + " |";
}

}  // namespace

TEST_CASE("TheApiPageListsEveryRouteAsItIs") {
  std::set<std::string> documented;
  std::ifstream page(AR_SOURCE_DIR "/docs/control-api.md");
  REQUIRE(page.good());
  for (std::string line; std::getline(page, line);)
    if (line.starts_with("| GET ") || line.starts_with("| POST ") || line.starts_with("| PUT ") ||
        line.starts_with("| PATCH ") || line.starts_with("| DELETE "))
      CHECK_MESSAGE(documented.insert(line).second, line);
  std::string rows;
  bool same = true;
  for (auto const& route : routes()) {
    rows += row_of(route) + "\n";
    auto const found = documented.erase(row_of(route)) == 1;
    same = same && found;
    CHECK_MESSAGE(found, row_of(route));
  }
  if (!same) std::ofstream("routes.md") << rows;  // to be put into the page
  for (auto const& line : documented) FAIL_CHECK("documented, but no route: " << line);
}

TEST_CASE("ProblemDocumentsNameCodeAndField") {
  Response const response = problem(invalid("limit", "limit must be smaller"));
  json const document = json::parse(response.body);
  CHECK(response.status == 400);
  CHECK(response.content_type == "application/problem+json");
  CHECK(document["type"] == "urn:agent-runner:problem:invalid_argument");
  CHECK(document["title"] == "Bad Request");
  CHECK(document["status"] == 400);
  CHECK(document["code"] == "invalid_argument");
  CHECK(document["detail"] == "limit must be smaller");
  CHECK(document["field"] == "limit");
  CHECK_FALSE(json::parse(problem(timed_out("late")).body).contains("field"));
  CHECK(json::parse(problem(unavailable("away", "it is away")).body)["title"] == "Service Unavailable");
}

TEST_CASE("EventsOfSeveralLinesStayOneEvent") {
  CHECK(event_block(7, "{\"a\":1}") == "id: 7\ndata: {\"a\":1}\n\n");
  CHECK(event_block(8, "{\r\n}") == "id: 8\ndata: {\ndata: }\n\n");
}
