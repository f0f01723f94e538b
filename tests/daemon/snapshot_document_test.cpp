// A snapshot's document: what is written is read back, and what somebody has damaged, or a newer version wrote, is
// refused before anything of it counts.
#include "base/base64.hpp"
#include "base/ids.hpp"
#include "daemon/snapshot/record_rows.hpp"
#include "daemon/snapshot/row_spool.hpp"
#include "daemon/snapshot/row_writer.hpp"
#include "daemon/snapshot/secrets.hpp"
#include "daemon/snapshot/sections.hpp"
#include "daemon/snapshot/snapshot_reader.hpp"
#include "support/file_text.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

using namespace ar;
using namespace ar::daemon;
using ar::test::file_text;

namespace {

constexpr std::int64_t kMuch = 1 << 30;

json memory_row(std::string const& key, json value) {
  return {{"scope", "shared"}, {"id", "team"}, {"key", key}, {"value", std::move(value)}, {"updatedAt", 1}};
}

json document(json sections) {
  return {{"format", kSnapshotFormat}, {"id", "snp_1"}, {"store", "here"}, {"sections", std::move(sections)}};
}
json memory_section(json rows, std::string const& version = "1.0.0") {
  return {{"memory", {{"rows", std::move(rows)}, {"version", version}}}};
}

struct Lab {
  test::TempDir dir;
  std::filesystem::path const file = dir.path() / "snapshot.json";
  std::shared_ptr<RowSpool> spool = *RowSpool::open(dir.path() / "spool");

  Result<SnapshotHead> read(std::string const& text, std::int64_t most = kMuch) {
    std::ofstream(file, std::ios::binary) << text;
    return read_snapshot(file, most, *spool);
  }
  std::string refusal(std::string const& text, std::int64_t most = kMuch) {
    auto const head = read(text, most);
    return head ? "" : head.error().code;
  }
};

}  // namespace

TEST_CASE("BytesBecomeATextAndBytesAgain") {
  CHECK(base64_encode("") == "");
  CHECK(base64_encode("a") == "YQ==");
  CHECK(base64_encode("ab") == "YWI=");
  CHECK(base64_encode(std::string_view("a\0\xff", 3)) == "YQD/");
  for (std::size_t size = 0; size < 50; ++size) {
    auto const bytes = random_hex(32).substr(0, size) + std::string(size % 3, '\0');
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
  }
  for (auto const* bad : {"Y", "YQ=", "Y Q=", "YQ==\n", "????"}) CHECK_FALSE(base64_decode(bad).has_value());
}

TEST_CASE("WhatIsWrittenIsReadBackRowByRow") {
  Lab reading;
  {
    RowWriter out(reading.file, {{"format", kSnapshotFormat}, {"id", "snp_1"}, {"store", "here"}}, kMuch);
    out.section("agents", "1.0.0");
    out.section("memory", "1.0.0");
    for (int i = 0; i < 3; ++i) out.row(memory_row("k" + std::to_string(i), {{"n", i}}));
    auto const written = out.finish();
    REQUIRE(written.has_value());
    CHECK(written->bytes == static_cast<std::int64_t>(std::filesystem::file_size(reading.file)));
    CHECK(written->sections["agents"] == json{{"version", "1.0.0"}, {"count", 0}});
    CHECK(written->sections["memory"]["count"] == 3);
  }
  using std::filesystem::perms;
  bool const is_private =
      (std::filesystem::status(reading.file).permissions() & perms::all) == (perms::owner_read | perms::owner_write);
  CHECK(is_private);
  auto const head = read_snapshot(reading.file, kMuch, *reading.spool);
  REQUIRE_MESSAGE(head.has_value(), head.error().message);
  CHECK(head->id == "snp_1");
  CHECK(head->store == "here");
  std::vector<json> rows;
  reading.spool->each("memory", "", [&](json row) { rows.push_back(std::move(row)); });
  REQUIRE(rows.size() == 3);
  CHECK(rows[1] == memory_row("k1", {{"n", 1}}));
}

TEST_CASE("ADocumentMayBeLaidOutInAnotherWay") {
  Lab reading;
  // Sorted names, so that the rows come before their version; blanks; and what nobody knows.
  auto text = document(memory_section(json::array({memory_row("a", 1), memory_row("b", {{"rows", {1, {{"x", 2}}}}})})));
  text["comment"] = {{"sections", {{"agents", {{"rows", {1, 2}}}}}}, {"format", "another"}};
  CHECK(reading.refusal(text.dump(2)) == "");
  CHECK(reading.spool->count("memory", "") == 2);
}

TEST_CASE("ATooLargeSnapshotIsNotTakenAndNotRead") {
  Lab reading;
  RowWriter out(reading.file, {{"format", kSnapshotFormat}}, 2000);
  out.section("memory", "1.0.0");
  for (int i = 0; i < 100; ++i) out.row(memory_row("k", std::string(100, 'x')));
  CHECK(out.has_failed());
  auto const written = out.finish();
  REQUIRE_FALSE(written.has_value());
  CHECK(written.error().code == "snapshot_too_large");
  CHECK(std::filesystem::file_size(reading.file) <= 2000);
  auto const text = document(memory_section(json::array({memory_row("k", std::string(200'000, 'x'))}))).dump();
  CHECK(reading.refusal(text, 100'000) == "snapshot_too_large");
  CHECK(reading.refusal(text) == "");
}

TEST_CASE("ANewerSectionIsNamed") {
  Lab reading;
  for (auto const* version : {"1.0.1", "1.1.0", "2.0.0", "10.0.0"}) {
    // Of rows in a shape that this version cannot know.
    auto const head = reading.read(document(memory_section(json::array({json{{"what", "else"}}}), version)).dump());
    REQUIRE_FALSE(head.has_value());
    CHECK(head.error().code == "snapshot_version");
    CHECK(head.error().field == "memory");
    CHECK(head.error().message.find(version) != std::string::npos);
  }
  auto const unknown = reading.read(document({{"dreams", {{"version", "1.0.0"}, {"rows", json::array()}}}}).dump());
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().code == "snapshot_version");
  CHECK(unknown.error().field == "dreams");
  CHECK(reading.refusal(document(memory_section(json::array(), "0.9.5")).dump()) == "");
}

TEST_CASE("WhatIsDamagedIsRefused") {
  Lab reading;
  auto const good = document(memory_section(json::array({memory_row("a", 1)})));
  auto const whole = good.dump();
  CHECK(reading.refusal(whole) == "");
  for (auto const cut : {std::size_t{0}, std::size_t{1}, whole.size() / 2, whole.size() - 1})
    CHECK(reading.refusal(whole.substr(0, cut)) == "snapshot_damaged");
  CHECK(reading.refusal(whole + "x") == "snapshot_damaged");
  CHECK(reading.refusal("[]") == "snapshot_damaged");
  CHECK(reading.refusal("{}") == "snapshot_damaged");
  CHECK(reading.refusal(std::string(1'000'000, '[')) == "snapshot_damaged");
  CHECK(reading.refusal("{\"sections\":" + std::string(100'000, '[')) == "snapshot_damaged");
  auto const with = [&](char const* field, json value) {
    auto changed = good;
    changed[field] = std::move(value);
    return changed.dump();
  };
  CHECK(reading.refusal(with("format", "tar")) == "snapshot_damaged");
  CHECK(reading.refusal(with("id", "../x")) == "snapshot_damaged");
  CHECK(reading.refusal(with("id", 7)) == "snapshot_damaged");
  CHECK(reading.refusal(with("sections", json::array())) == "snapshot_damaged");
  auto const row = [&](json wrong) {
    return document(memory_section(json::array({memory_row("a", 1), std::move(wrong)}))).dump();
  };
  CHECK(reading.refusal(row(7)) == "snapshot_damaged");
  CHECK(reading.refusal(row({{"scope", "shared"}})) == "snapshot_damaged");
  CHECK(reading.refusal(row(memory_row("a\nb", 1))) == "snapshot_damaged");
  CHECK(reading.refusal(row(memory_row("a", nullptr))) == "snapshot_damaged");
  CHECK(reading.refusal(document(memory_section(json::array(), "one")).dump()) == "snapshot_damaged");
  for (auto const& section : sections()) {
    json const rows = {{"version", section.version},
                       {"rows", json::array({json{{"agent", "a"}, {"kind", "nothing"}}})}};
    CHECK(reading.refusal(document({{std::string(section.name), rows}}).dump()) == "snapshot_damaged");
  }
}

TEST_CASE("AnAgentThatMeansHarmIsNoAgent") {
  Lab reading;
  json const spec = {{"provider", "command"}, {"cwd", "/"}};
  auto const agent = [&](char const* field, json value) {
    json row = {
        {"agent", "a"},  {"state", "idle"}, {"spec", spec}, {"withheld", json::array()}, {"record", json::object()},
        {"lastEvent", 0}};
    if (*field) row[json::json_pointer(field)] = std::move(value);
    return reading.refusal(document({{"agents", {{"version", "1.0.0"}, {"rows", json::array({row})}}}}).dump());
  };
  CHECK(agent("", nullptr) == "");
  CHECK(agent("/turns", json::array({{{"number", 1}, {"id", "x"}}})) == "");
  for (json const& turn : {json(7), json::object(), json{{"number", 0}}, json{{"number", 1}, {"messages", "x"}}})
    CHECK_MESSAGE(agent("/turns", json::array({turn})) == "snapshot_damaged", turn.dump());
  CHECK(agent("/agent", "../a") == "snapshot_damaged");
  CHECK(agent("/agent", "operator") == "snapshot_damaged");
  CHECK(agent("/agent", "a.b") == "snapshot_damaged");
  CHECK(agent("/spec/cwd", "relative") == "snapshot_damaged");
  CHECK(agent("/spec/prompt", std::string("a\0b", 3)) == "snapshot_damaged");
  CHECK(agent("/spec/env", 7) == "snapshot_damaged");
  CHECK(agent("/record", {{"sessionId", "../../x"}}) == "snapshot_damaged");
  CHECK(agent("/record", {{"exits", "many"}}) == "snapshot_damaged");
  CHECK(agent("/lastEvent", -1) == "snapshot_damaged");
}

TEST_CASE("SecretsOfASpecificationAreWithheldAndNamed") {
  json spec = {{"provider", "claude"},
               {"env", {{"API_KEY", "s3cret"}, {"HOST", "x"}}},
               {"options", {{"env", {{"TOKEN", "s3cret"}}}, {"command", "claude"}}},
               {"agentProfile",
                {{"host", {"env"}},
                 {"mcp", {{"servers", {{"web", {{"url", "u"}, {"headers", {{"Authorization", "s3cret"}}}}}}}}}}}};
  auto const withheld = withhold_secrets(spec);
  CHECK(spec.dump().find("s3cret") == std::string::npos);
  CHECK(withheld == std::vector<std::string>{"agentProfile.mcp.servers.web.headers.Authorization", "env.API_KEY",
                                             "env.HOST", "options.env.TOKEN"});
  CHECK(spec["env"] == json::object());
  CHECK(spec["options"]["command"] == "claude");
  CHECK(spec["agentProfile"]["host"] == json::array({"env"}));
}

TEST_CASE("ARecordIsTakenByWholeLinesAndPlacedOnce") {
  Lab reading;
  auto const from = reading.dir.path() / "from.jsonl", to = reading.dir.path() / "home" / "deep" / "to.jsonl";
  std::string lines;
  for (int i = 0; i < 20'000; ++i) lines += "{\"line\":" + std::to_string(i) + ",\"text\":\"some more words\"}\n";
  std::ofstream(from, std::ios::binary) << lines << "{\"half\":";
  {
    RowWriter out(reading.file, {{"format", kSnapshotFormat}, {"id", "snp_1"}}, kMuch);
    out.section("sessions", "1.0.0");
    write_record("a", {"to.jsonl", from}, out);
    write_record("a", {"gone.jsonl", reading.dir.path() / "gone"}, out);
    REQUIRE(out.finish().has_value());
  }
  auto const text = file_text(reading.file);
  REQUIRE(reading.refusal(text) == "");
  CHECK(reading.spool->count("sessions", "a") > 3);
  auto const place_of = [&](std::string const& name) { return name == "to.jsonl" ? to : std::filesystem::path(); };
  auto const first = place_records(*reading.spool, "a", place_of);
  REQUIRE_MESSAGE(first.has_value(), first.error().message);
  CHECK(first->first == to);
  CHECK(first->written == reading.spool->count("sessions", "a"));
  CHECK(first->left.empty());
  CHECK(file_text(to) == lines);
  SUBCASE("again, where it is the same") {
    auto const again = place_records(*reading.spool, "a", place_of);
    REQUIRE(again.has_value());
    CHECK(again->written == 0);
    CHECK(again->left.empty());
  }
  SUBCASE("what has gone on is left as it is") {
    std::ofstream(to, std::ios::app) << "{\"more\":1}\n";
    auto const before = file_text(to);
    auto const again = place_records(*reading.spool, "a", place_of);
    REQUIRE(again.has_value());
    CHECK(again->written == 0);
    REQUIRE(again->left.size() == 1);
    CHECK(again->left[0].find("differs") != std::string::npos);
    CHECK(file_text(to) == before);
  }
  SUBCASE("a link is not followed") {
    std::filesystem::rename(to, reading.dir.path() / "elsewhere");
    std::filesystem::create_symlink(reading.dir.path() / "elsewhere", to);
    auto const again = place_records(*reading.spool, "a", place_of);
    REQUIRE(again.has_value());
    CHECK(again->written == 0);
    CHECK(again->left.size() == 1);
  }
  SUBCASE("a name that means another file is not placed") {
    auto const nowhere = place_records(*reading.spool, "a", [](std::string const&) { return std::filesystem::path(); });
    REQUIRE(nowhere.has_value());
    CHECK(nowhere->written == 0);
    CHECK(nowhere->skipped == reading.spool->count("sessions", "a"));
    CHECK(nowhere->left.size() == 1);
  }
  for (auto const& entry : std::filesystem::directory_iterator(to.parent_path()))
    CHECK(entry.path().filename() == "to.jsonl");
  SUBCASE("a piece that was changed is noticed") {
    auto changed = text;
    auto const at = changed.find("\"data\":\"") + 100;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    Lab other;
    CHECK(other.refusal(changed) == "snapshot_damaged");
  }
}
