// Whatever is wrong with a document or a query, for every route that takes one, made of the routes' own schemas: the
// error names the field, and the daemon is not asked.
#include "base/words.hpp"
#include "control/route.hpp"
#include "control/test_server.hpp"

#include <doctest/doctest.h>

#include <iostream>

using namespace ar;
using namespace ar::test;
using control::Field;
using control::Route;
using control::Schema;
using control::Type;

namespace {

struct Bad {
  json value;
  std::string field;  ///< at fault
};

json good_document(Schema const& schema);

json good_value(Field const& field, Type type) {
  switch (type) {
    case Type::integer: return std::max<std::int64_t>(field.least, 1);
    case Type::number: return 0.5;
    case Type::boolean: return true;
    case Type::object: return field.schema ? good_document(*field.schema) : json::object();
    case Type::list: return json::array({good_value(field, field.of)});
    case Type::map: return {{"name", good_value(field, field.of)}};
    case Type::time: return "2026-01-31T12:00:00.123Z";
    case Type::text: return field.words.empty() ? json("a") : json(words_of(field.words).front());
    case Type::any: break;
  }
  return "anything";
}

/// What has to be there.
json good_document(Schema const& schema) {
  json document = json::object();
  for (auto const& field : schema.fields)
    if (field.required) document[std::string(field.name)] = good_value(field, field.type);
  return document;
}

std::vector<Bad> bad_documents(Schema const& schema);

/// Values that a field does not take; the path of what is wrong, from the field on.
std::vector<Bad> bad_values(Field const& field, Type type) {
  std::vector<Bad> bad;
  auto const all = [&](std::initializer_list<json> values) {
    for (auto const& value : values) bad.push_back({value, ""});
  };
  switch (type) {
    case Type::text:
      all({5, 1.5, true, json::array({"a"}), {{"a", "b"}}});
      if (!field.words.empty()) all({"no such word", ""});
      break;
    case Type::time: all({5, "soon"}); break;
    case Type::integer:
      all({"1", 1.5, true, json::array({1}), 18'446'744'073'709'551'615U});
      if (field.least > std::numeric_limits<std::int64_t>::min()) all({field.least - 1});
      if (field.most < std::numeric_limits<std::int64_t>::max()) all({field.most + 1});
      break;
    case Type::number: all({"1", true}); break;
    case Type::boolean: all({0, 1, "true", json::array()}); break;
    case Type::object:
      all({5, "x", json::array({1})});
      if (field.schema)
        for (auto& one : bad_documents(*field.schema)) bad.push_back({one.value, "." + one.field});
      break;
    case Type::list:
      all({5, "x", {{"a", 1}}});
      for (auto& one : bad_values(field, field.of)) bad.push_back({json::array({one.value}), ""});
      break;
    case Type::map:
      all({5, "x", json::array({1})});
      for (auto& one : bad_values(field, field.of)) bad.push_back({json{{"name", one.value}}, ""});
      break;
    case Type::any: break;
  }
  return bad;
}

std::vector<Bad> bad_documents(Schema const& schema) {
  std::vector<Bad> bad;
  auto const good = good_document(schema);
  for (auto const& field : schema.fields) {
    std::string const name(field.name);
    if (field.required) {
      auto document = good;
      document.erase(name);
      bad.push_back({document, name});
      document[name] = nullptr;
      bad.push_back({document, name});
    }
    for (auto& one : bad_values(field, field.type)) {
      auto document = good;
      document[name] = one.value;
      bad.push_back({document, name + one.field});
    }
  }
  if (!schema.open) {
    auto document = good;
    document["noSuchField"] = 1;
    bad.push_back({document, "noSuchField"});
  }
  return bad;
}

std::string target_of(Route const& route) {
  std::string path(route.pattern);
  for (auto const& [parameter, value] :
       {std::pair{"{agent}", "a"}, std::pair{"{session}", "a"}, std::pair{"{message}", "7"},
        std::pair{"{approval}", "1"}, std::pair{"{event}", "Stop"}, std::pair{"{attachment}", "f00"},
        std::pair{"{output}", "none"}, std::pair{"{scope}", "shared"}, std::pair{"{id}", "team"},
        std::pair{"{key}", "k"}, std::pair{"{webhook}", "whk_1"}, std::pair{"{delivery}", "msg_1"},
        std::pair{"{skill}", "skl_1"}, std::pair{"{hook}", "known"}, std::pair{"{schedule}", "sch_1"},
        std::pair{"{account}", "known"}, std::pair{"{rule}", "1"}, std::pair{"{budget}", "known"},
        std::pair{"{notify}", "known"}})
    if (auto const at = path.find(parameter); at != std::string::npos)
      path.replace(at, std::string_view(parameter).size(), value);
  return path;
}

}  // namespace

TEST_CASE("WhateverIsWrongWithInputIsToldAndNothingIsDone") {
  TestServer server;
  RawClient client(server.socket());
  std::size_t tries = 0;
  auto const refused = [&](Route const& route, std::string const& target, std::string const& body,
                           std::string const& field, char const* code) {
    ++tries;
    auto const before = server.daemon().calls().size();
    auto const reply = client.request(std::string(route.method).c_str(), target.c_str(), {}, body);
    CAPTURE(target);
    CAPTURE(body);
    CHECK(reply.status == 400);
    auto const problem = reply.document();
    CHECK(problem["code"] == code);
    CHECK_MESSAGE(problem.value("field", "") == field, problem.dump());
    CHECK(server.daemon().calls().size() == before);
  };
  for (auto const& route : control::routes()) {
    if (route.name == "mcp") continue;  // it refuses in JSON-RPC's words: mcp_test.cpp
    auto const target = target_of(route);
    if (route.request) {
      for (auto const* no_object :
           {"[]", "\"x\"", "5", "null", "{", "{\"a\":1e999}", "{\"a\":\"\xff\"}", "{\"a\":1,\"a\":1}"})
        refused(route, target, no_object, "", "invalid_json");
      refused(route, target, std::string("{}\0", 3), "", "invalid_json");
      for (auto const& [document, field] : bad_documents(*route.request))
        refused(route, target, document.dump(), field, "invalid_argument");
    }
    if (route.method != "GET") continue;
    refused(route, target + "?noSuchParameter=1", "", "noSuchParameter", "invalid_argument");
    for (auto const& field : route.query) {
      auto const with = [&](std::string const& value) {
        refused(route, target + "?" + std::string(field.name) + "=" + value, "", std::string(field.name),
                "invalid_argument");
      };
      with("%ff");
      with("a&" + std::string(field.name) + "=a");
      if (field.type == Type::integer)
        for (auto const* value : {"", "x", "1.5", "-1", "99999999999999999999", "%20"}) with(value);
      if (field.type == Type::integer && field.most < std::numeric_limits<std::int64_t>::max())
        with(std::to_string(field.most + 1));
      if (!field.words.empty()) with("no-such-word");
    }
  }
  std::cout << "bad input: " << tries << " tries" << std::endl;
  CHECK(tries > 500);
}

TEST_CASE("EveryRouteRefusesABodyOverItsLimitHoweverItIsSent") {
  control::Limits limits;
  limits.body_bytes = 1000;
  limits.message_bytes = 2000;
  limits.hook_bytes = 3000;
  limits.attachment_bytes = 4000;
  TestServer server(limits);
  std::string const large(5000, ' ');
  for (auto const& route : control::routes()) {
    auto const head = std::string(route.method) + " " + target_of(route) + " HTTP/1.1\r\nHost: x\r\n";
    std::vector<std::string> const rests{"Content-Length: 5000\r\n\r\n", "Content-Length: 5000\r\n\r\n" + large,
                                         "Transfer-Encoding: chunked\r\n\r\n1388\r\n" + large + "\r\n0\r\n\r\n"};
    for (auto const& rest : rests) {
      RawClient client(server.socket());
      client.send(head + rest);
      auto const reply = client.reply();
      CAPTURE(head);
      CHECK(reply.status == 413);
      CHECK(reply.document()["code"] == "body_too_large");
    }
  }
  CHECK(server.daemon().calls().empty());
}
