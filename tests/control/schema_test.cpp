#include "control/schema.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::control;

namespace {

constexpr Field inner[] = {{.name = "branch", .required = true}, {.name = "mode", .words = "shared worktree"}};
constexpr Schema kInner{.name = "Inner", .fields = inner};
constexpr Field fields[] = {
    {.name = "cwd", .required = true},
    {.name = "count", .type = Type::integer, .least = 1, .most = 9},
    {.name = "share", .type = Type::number},
    {.name = "yes", .type = Type::boolean},
    {.name = "at", .type = Type::time, .nullable = true},
    {.name = "tags", .type = Type::list},
    {.name = "env", .type = Type::map},
    {.name = "anything", .type = Type::any},
    {.name = "options", .type = Type::object},
    {.name = "workspace", .type = Type::object, .schema = &kInner},
    {.name = "all", .type = Type::list, .of = Type::object, .schema = &kInner},
};
constexpr Schema kOuter{.name = "Outer", .fields = fields};

json with(json more) {
  json document{{"cwd", "/"}};
  document.update(more);
  return document;
}

}  // namespace

TEST_CASE("WhatComesInIsCheckedAndTheErrorNamesTheField") {
  for (auto const& good :
       {json::object(), json{{"count", 1}}, json{{"count", 9}, {"yes", false}}, json{{"tags", {"a", "b"}}},
        json{{"tags", json::array()}}, json{{"env", {{"A", "b"}}}}, json{{"anything", {1, {{"x", nullptr}}}}},
        json{{"options", {{"deep", {{"er", 1}}}}}}, json{{"workspace", {{"branch", "b"}, {"mode", "shared"}}}},
        json{{"at", "2026-01-31T12:00:00.123Z"}}, json{{"share", 0.5}}, json{{"share", 1}},
        json{{"count", nullptr}, {"tags", nullptr}, {"workspace", nullptr}}}) {
    auto const wrong = check_request(kOuter, with(good));
    CHECK_MESSAGE(!wrong, good.dump(), ": ", wrong ? wrong->message : "");
  }
  struct Case {
    json document;
    char const* field;
  };
  for (auto const& [document, field] : std::initializer_list<Case>{
           {json::array(), ""},
           {json::object(), "cwd"},
           {{{"cwd", nullptr}}, "cwd"},
           {{{"cwd", 5}}, "cwd"},
           {with({{"count", 0}}), "count"},
           {with({{"count", 10}}), "count"},
           {with({{"count", 1.5}}), "count"},
           {with({{"count", "1"}}), "count"},
           {with({{"count", 18'446'744'073'709'551'615U}}), "count"},
           {with({{"share", "x"}}), "share"},
           {with({{"yes", 1}}), "yes"},
           {with({{"at", "soon"}}), "at"},
           {with({{"tags", "a"}}), "tags"},
           {with({{"tags", {1}}}), "tags"},
           {with({{"tags", {nullptr}}}), "tags"},
           {with({{"env", {{"A", 1}}}}), "env"},
           {with({{"env", {"A"}}}), "env"},
           {with({{"options", {1}}}), "options"},
           {with({{"workspace", json::object()}}), "workspace.branch"},
           {with({{"workspace", {{"branch", "b"}, {"mode", "mine"}}}}), "workspace.mode"},
           {with({{"workspace", {{"branch", "b"}, {"x", 1}}}}), "workspace.x"},
           {with({{"all", {{{"branch", "b"}}, {{"branch", 2}}}}}), "all[1].branch"},
           {with({{"cw", 1}}), "cw"},
       }) {
    auto const wrong = check_request(kOuter, document);
    REQUIRE_MESSAGE(wrong.has_value(), document.dump());
    CHECK_MESSAGE(wrong->field == field, document.dump(), ": ", wrong->message);
    CHECK(wrong->code == "invalid_argument");
  }
  CHECK(check_request(kOuter, with({{"cwdd", 1}}))->message.find("did you mean \"cwd\"?") != std::string::npos);
}

TEST_CASE("AnAnswerHasNothingThatItsSchemaDoesNotTell") {
  CHECK(fault_of_answer(kOuter, with({{"count", 3}, {"at", nullptr}})).empty());
  CHECK_FALSE(fault_of_answer(kOuter, json::object()).empty());
  CHECK_FALSE(fault_of_answer(kOuter, with({{"count", nullptr}})).empty());  // absent, or a number
  CHECK_FALSE(fault_of_answer(kOuter, with({{"more", 1}})).empty());
}

TEST_CASE("ASchemaTellsProgramsWhatIsChecked") {
  auto const in = json_schema(kOuter, true), out = json_schema(kOuter, false);
  CHECK(in["required"] == json::array({"cwd"}));
  CHECK(in["additionalProperties"] == false);
  CHECK(in["properties"]["cwd"] == json{{"type", "string"}});
  CHECK(in["properties"]["count"] ==
        json{{"type", {"integer", "null"}}, {"format", "int64"}, {"minimum", 1}, {"maximum", 9}});
  CHECK(out["properties"]["count"]["type"] == "integer");
  CHECK(out["properties"]["at"] == json{{"type", {"string", "null"}}, {"format", "date-time"}});
  CHECK(out["properties"]["all"] == json{{"type", "array"}, {"items", {{"$ref", "#/components/schemas/Inner"}}}});
  CHECK(out["properties"]["env"] == json{{"type", "object"}, {"additionalProperties", {{"type", "string"}}}});
  CHECK(in["properties"]["workspace"]["anyOf"].size() == 2);
  CHECK(out["properties"]["workspace"] == json{{"$ref", "#/components/schemas/Inner"}});
  CHECK(json_schema(kInner, false)["properties"]["mode"]["enum"] == json::array({"shared", "worktree"}));
}
