#include "daemon/agent/agent_spec.hpp"

#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::daemon;

TEST_CASE("SpecSurvivesTheJournal") {
  test::TempDir temp;
  json const body = {{"id", "builder"},           {"cwd", temp.path().string()},
                     {"tags", {"build"}},         {"prompt", "hello"},
                     {"env", {{"KEY", "value"}}}, {"providerArgs", {"--x"}},
                     {"idleTtlMs", 5000},         {"resources", {{"memoryMax", "2G"}, {"tasksMax", 0}}}};
  auto const spec = agent_spec_from(body, "claude");
  REQUIRE(spec.has_value());
  CHECK(spec->provider == "claude");
  auto const again = spec_from_journal(json::parse(to_journal(*spec).dump()));
  CHECK(to_journal(again) == to_journal(*spec));
  CHECK(again.environment.at("KEY") == "value");
  CHECK(again.resources == spec->resources);
  CHECK(*again.resources.memory_max == std::int64_t{2} << 30);
  CHECK(to_public(*spec).dump().find("value") == std::string::npos);
}

TEST_CASE("ThePromptIsTrimmedAndWhiteSpaceIsNone") {
  test::TempDir temp;
  auto const prompt_of = [&](char const* prompt) {
    return agent_spec_from({{"cwd", temp.path().string()}, {"prompt", prompt}}, "claude")->prompt;
  };
  CHECK(prompt_of(" \n hello  there\t\n") == "hello  there");
  CHECK(prompt_of(" \n\t ").empty());
}

TEST_CASE("WrongSpecsNameTheField") {
  test::TempDir temp;
  auto const field_of = [&](json body) {
    if (!body.contains("cwd")) body["cwd"] = temp.path().string();
    auto const spec = agent_spec_from(body, "claude");
    return spec.has_value() ? std::string("accepted") : spec.error().field;
  };
  CHECK(field_of({{"cwd", "/does/not/exist"}}) == "cwd");
  CHECK(field_of({{"cwd", nullptr}}) == "cwd");
  for (auto bad : {"a.b", "../x", "a b", "-x", "a:b"}) CHECK(field_of({{"id", bad}}) == "id");
  CHECK(field_of({{"tags", {""}}}) == "tags");
  CHECK(field_of({{"capabilities", {std::string(129, 'x')}}}) == "capabilities");
  for (auto const* name : {"model", "effort", "policyName", "automationRunId", "cwd"})
    CHECK(field_of({{name, "/" + std::string(5000, 'x')}}) == name);
  CHECK(field_of({{"policyName", std::string(1024, 'x')}}) == "accepted");
  CHECK(field_of({{"env", {{"A=B", "x"}}}}) == "env");
  CHECK(field_of({{"nmae", "x"}}) == "nmae");
  CHECK(field_of({{"idleTtlMs", -1}}) == "idleTtlMs");
  CHECK(field_of({{"prompt", std::string(300 << 10, 'x')}}) == "prompt");
  CHECK(field_of({{"cwd", "."}}) == "cwd");
  std::string const nul(1, '\0');
  for (auto const* name : {"cwd", "prompt", "model", "effort", "label", "systemPromptAppend"})
    CHECK_MESSAGE(field_of({{name, "/" + nul}}) == name, name);
  CHECK(field_of({{"providerArgs", {"--flag", nul}}}) == "providerArgs");
  CHECK(field_of({{"workspace", {{"branch", nul}}}}) == "workspace.branch");
  CHECK(field_of({{"id", "good"}}) == "accepted");
}

TEST_CASE("RecordSurvivesTheJournal") {
  AgentRecord record;
  record.session_id = "s";
  record.pid = 42;
  record.prompt_given = true;
  record.placement.by = "scope";
  record.since = from_millis(77);
  CHECK(to_json(agent_record_from(to_json(record))) == to_json(record));
}
