#include "control/openapi.hpp"

#include "base/words.hpp"
#include "control/error_codes.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"
#include "support/file_text.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <functional>
#include <set>

using namespace ar;
using namespace ar::control;

namespace {

/// Each string under a key of that name, anywhere in the document.
void each(json const& value, std::string_view key, std::function<void(std::string const&)> const& look) {
  if (!value.is_structured()) return;
  for (auto const& [name, part] : value.items()) {
    if (value.is_object() && name == key && part.is_string()) look(part.get<std::string>());
    each(part, key, look);
  }
}

}  // namespace

TEST_CASE("TheCommittedDocumentIsThatOfTheRoutes") {
  auto const now = openapi_document().dump(2) + "\n";
  std::ifstream file(AR_SOURCE_DIR "/docs/openapi.json");
  std::string const committed{std::istreambuf_iterator<char>(file), {}};
  if (committed != now) std::ofstream("openapi.json") << now;
  CHECK_MESSAGE(committed == now,
                "docs/openapi.json is another one than the routes make; the new one is openapi.json in the "
                "folder where this test ran");
}

TEST_CASE("EveryReferenceHasItsSchemaAndEveryOperationItsName") {
  auto const document = openapi_document();
  std::set<std::string> used, names;
  each(document, "$ref", [&](std::string const& reference) {
    auto const name = reference.substr(reference.rfind('/') + 1);
    used.insert(name);
    CHECK_MESSAGE(document["components"]["schemas"].contains(name), reference);
  });
  for (auto const& [name, schema] : document["components"]["schemas"].items()) CHECK_MESSAGE(used.contains(name), name);
  each(document, "operationId", [&](std::string const& name) { CHECK_MESSAGE(names.insert(name).second, name); });
  CHECK(names.size() == routes().size());
}

TEST_CASE("NoSchemaIsForWhatComesInAndForAnswers") {
  std::set<Schema const*> in, out;
  std::function<void(Schema const*, std::set<Schema const*>&)> const walk = [&](Schema const* schema, auto& into) {
    if (!schema || !into.insert(schema).second) return;
    for (auto const& field : schema->fields) walk(field.schema, into);
  };
  for (auto const& route : routes()) {
    CAPTURE(route.pattern);
    walk(route.request, in);
    walk(route.answer, out);
    bool const takes_json = route.body != Body::none && route.body != Body::attachment;
    CHECK(takes_json == (route.request != nullptr));
  }
  for (auto const* schema : in) CHECK_MESSAGE(!out.contains(schema), schema->name);
}

TEST_CASE("EveryCodeOfARowIsInTheTableAndOnceThere") {
  std::set<std::string_view> known, used;
  for (auto const& row : error_codes()) {
    CHECK_MESSAGE(known.insert(row.code).second, row.code);
    CHECK(row.status >= 400);
    CHECK(row.status < 500);
    if (row.everywhere) used.insert(row.code);
  }
  for (auto const& route : routes())
    for (auto const code : words_of(route.errors)) {
      CHECK_MESSAGE(known.contains(code), route.pattern << " " << code);
      used.insert(code);
    }
  used.insert({"idempotency_conflict", "request_under_way"});
  for (auto const code : known) CHECK_MESSAGE(used.contains(code), code, " is no route's");
}

TEST_CASE("ThePageTellsOfEveryCode") {
  std::string table;
  for (auto const& row : error_codes())
    table +=
        "| " + std::to_string(row.status) + " | `" + std::string(row.code) + "` | " + std::string(row.about) + " |\n";
  bool const same = test::file_text(AR_SOURCE_DIR "/docs/control-api.md").find(table) != std::string::npos;
  if (!same) std::ofstream("errors.md") << table;
  CHECK_MESSAGE(same, "docs/control-api.md has another table of codes; the new one is errors.md where this test ran");
}
