#include "base/json.hpp"

#include "base/read_json.hpp"
#include "base/strict_json.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

using namespace ar;

TEST_CASE("ParseErrorsSayWhere") {
  CHECK(parse_object(R"({"a":1})").has_value());
  CHECK(parse_object("{\"a\":").error().code == "invalid_json");
  CHECK(parse_object("{\"a\":").error().message.find("byte 6") != std::string::npos);
  CHECK(parse_object("[1]").error().message.find("array") != std::string::npos);
  CHECK_FALSE(parse_object(std::string(100'000, '[')).has_value());
  CHECK_FALSE(parse_object("").has_value());
}

TEST_CASE("WhatSomebodyElseWroteNeverThrows") {
  CHECK(parse_json("[1]")->size() == 1);
  CHECK(parse_json(std::string(64, '[') + std::string(64, ']')).has_value());
  CHECK_FALSE(parse_json(std::string(65, '[') + std::string(65, ']')).has_value());
  CHECK_FALSE(parse_json(std::string(100'000, '{')).has_value());
  CHECK(parse_json("{\"at\":1e400}").error().message.find("too large") != std::string::npos);
  CHECK(parse_object("{\"at\":-1e400}").error().code == "invalid_json");
  CHECK_FALSE(parse_json("\xff").has_value());
}

TEST_CASE("NothingAfterANulIsIgnored") {
  using namespace std::string_view_literals;
  for (auto const text : {"{}\0"sv, "{}\0{"sv, "{\0}"sv, "{} \0"sv, "\0"sv, "{\"a\":\"\0\"}"sv})
    CHECK(parse_object(text).error().code == "invalid_json");
  CHECK(parse_object("{}\0"sv).error().message.find("byte 3") != std::string::npos);
  CHECK(parse_object(R"({"a":"\u0000"})").has_value());
}

TEST_CASE("AMemberThatIsThereTwiceIsRefusedWhereNothingMayBeIgnored") {
  for (auto const* good : {"{}", R"({"a":"b:c","d":[{"a":1},{"a":2}],"e":{"a":{"a":":"}}})", R"({"\"a":1,"a\\":2})"})
    CHECK_MESSAGE(*parse_strict_object(good) == *parse_object(good), good);
  for (auto const* twice :
       {R"({"a":1,"a":1})", R"({"a":1,"b":2,"a":3})", R"({"x":{"a":1,"a":2}})", R"({"x":[{"a":1,"\u0061":2}]})"}) {
    CHECK_MESSAGE(parse_object(twice).has_value(), twice);
    CHECK_MESSAGE(parse_strict_object(twice).error().code == "invalid_json", twice);
  }
  CHECK(parse_strict_object("[]").error().code == "invalid_json");
}

TEST_CASE("AFieldOfAnotherShapeIsAnErrorToo") {
  auto const read = [](json const& in) { return in.at("at").get<std::string>() + in.value("more", ""); };
  CHECK(*read_json(R"({"at":"x","more":"y"})", read) == "xy");
  for (auto const* strange : {"", "[]", "7", "{}", R"({"at":7})", R"({"at":"x","more":[]})", R"({"at":1e400})"})
    CHECK_MESSAGE(read_json(strange, read).error().code == "invalid_json", strange);
  CHECK_FALSE(maybe_json(std::string(100'000, '['), read).has_value());
  CHECK(integer_at({{"n", 7}}, "n") == 7);
  CHECK(integer_at({{"n", "7"}}, "n", -1) == -1);
  CHECK(integer_at(json::array(), "n") == 0);
}

TEST_CASE("TimesAtTheEdgeCanStillBeAddedTo") {
  for (auto const* most : {"9223372036854775807", "18446744073709551615", "1e300"}) {
    auto const time = time_in(*parse_json(most));
    CHECK(time + milliseconds(INT64_MAX / 2) > time);
    CHECK(to_iso8601(time).size() > 20);
  }
  CHECK(time_in(json(1'700'000'000'000)) == from_millis(1'700'000'000'000));
  CHECK(millis_in(*parse_json("-1e300")) < milliseconds(0));
}

TEST_CASE("NoSourceParsesJsonButBaseJson") {
  namespace fs = std::filesystem;
  std::string found;
  for (auto const* room : {"adapters", "base", "cli", "control", "daemon", "hooks", "plugins", "relay"})
    for (auto const& entry : fs::recursive_directory_iterator(fs::path(AR_SOURCE_DIR) / room)) {
      auto const extension = entry.path().extension();
      if ((extension != ".cpp" && extension != ".hpp") || entry.path().filename() == "json.cpp") continue;
      std::ifstream in(entry.path());
      std::string const text(std::istreambuf_iterator<char>(in), {});
      for (auto const* word : {"json::parse(", "json::accept(", "std::stoi", "std::stol", "std::stoul", "std::stof",
                               "std::stod", "json::from_"})
        if (text.find(word) != std::string::npos) found += entry.path().string() + ": " + word + "\n";
    }
  CHECK_MESSAGE(found.empty(), "use parse_json, read_json or std::from_chars, which do not throw: " << found);
}

TEST_CASE("FieldReaderNamesTheFirstWrongField") {
  json const body = {{"name", "a"}, {"count", "three"}, {"tags", {"x", "y"}}};
  FieldReader in(body);
  CHECK(in.string("name") == "a");
  CHECK(in.integer("count", 7, 0, 9) == 7);
  CHECK(in.strings("tags").size() == 2);
  auto const error = in.finish();
  REQUIRE(error);
  CHECK(error->field == "count");
  CHECK(error->kind == ErrorKind::invalid);
}

TEST_CASE("FieldReaderRefusesUnknownAndMissingFields") {
  json const body = {{"nmae", "a"}};
  FieldReader in(body);
  in.string("name");
  CHECK(in.finish()->field == "nmae");
  FieldReader strict(body);
  strict.require("name");
  CHECK(strict.finish()->field == "name");
  json const wide = {{"n", 1e3}, {"big", 18446744073709551615ULL}};
  FieldReader numbers(wide);
  numbers.maybe_integer("big");
  CHECK(numbers.finish()->field == "big");
}
