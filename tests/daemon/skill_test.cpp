// Skills: what can be one, the hash of its content, what is kept of it, and what agents are spawned with.
#include "model/skill.hpp"

#include "base/ids.hpp"
#include "base/zip/zip.hpp"
#include "daemon/api/skills_api.hpp"
#include "support/file_text.hpp"
#include "world.hpp"

#include <doctest/doctest.h>

#include <archive.h>
#include <archive_entry.h>
#include <fstream>
#include <sys/stat.h>

using namespace ar;
using namespace ar::test;

namespace {

std::string const kText = "---\nname: review\ndescription: how to review\n---\nLook at it twice.\n";

/// An entry as somebody else's program makes it.
struct Entry {
  std::string path, content;
  mode_t mode = 0644;
  std::int64_t time = 0;
  unsigned type = AE_IFREG;
};

std::string zip_of(std::vector<Entry> const& entries) {
  std::vector<char> buffer(1U << 20);
  std::size_t used = 0;
  auto* const writer = archive_write_new();
  archive_write_set_format_zip(writer);
  archive_write_set_options(writer, "hdrcharset=UTF-8");
  archive_write_open_memory(writer, buffer.data(), buffer.size(), &used);
  for (auto const& one : entries) {
    auto* const entry = archive_entry_new();
    archive_entry_set_pathname_utf8(entry, one.path.c_str());
    archive_entry_set_filetype(entry, one.type);
    archive_entry_set_perm(entry, one.mode);
    archive_entry_set_mtime(entry, one.time, 0);
    if (one.type == AE_IFLNK) archive_entry_set_symlink_utf8(entry, one.content.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(one.type == AE_IFREG ? one.content.size() : 0));
    REQUIRE(archive_write_header(writer, entry) >= ARCHIVE_WARN);
    if (one.type == AE_IFREG) archive_write_data(writer, one.content.data(), one.content.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  return {buffer.data(), used};
}

struct Skills {
  World world;
  std::optional<daemon::SkillsApi> api;
  Skills() { begin(); }
  void begin() { api.emplace(world.services()); }
  void restart() {
    api.reset();
    world.crash();
    world.start();
    begin();
  }

  Result<control::SkillAdded> add(control::NewSkill skill) { return world.ask(api->add_skill(std::move(skill))); }
  Result<control::SkillAdded> add_zip(std::vector<Entry> const& entries, std::string name = "") {
    control::NewSkill skill;
    skill.name = std::move(name);
    skill.zip = zip_of(entries);
    return add(std::move(skill));
  }
  /// A text's id.
  std::string id_of(std::string name, std::string body) {
    control::NewSkill skill;
    skill.markdown = "---\nname: " + name + "\n---\n" + std::move(body);
    auto const added = add(std::move(skill));
    REQUIRE_MESSAGE(added.has_value(), added.error().message);
    return added->skill["id"];
  }
  std::string refused(std::vector<Entry> const& entries) {
    auto const added = add_zip(entries);
    return added ? "" : added.error().message;
  }
  std::vector<std::string> listed(control::SkillFilter filter = {}) {
    auto const answer = world.ask(api->skills(std::move(filter)));
    std::vector<std::string> ids;
    for (auto const& one : (*answer)["skills"]) ids.push_back(one["id"]);
    return ids;
  }
  Result<json> remove(std::string id) { return world.ask(api->remove_skill(std::move(id))); }
  std::filesystem::path folder(std::string const& id) { return world.dir() / "skills" / id; }
  /// How many have files.
  std::size_t kept() {
    std::size_t count = 0;
    for (auto const& entry : std::filesystem::directory_iterator(world.dir() / "skills")) count += entry.is_directory();
    return count;
  }
  std::string folder_with(std::string const& name, std::string const& text) {
    auto const path = world.dir() / name;
    std::filesystem::create_directories(path);
    std::ofstream(path / "SKILL.md") << text;
    return path.string();
  }
};

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("TheSameContentHasOneHashHoweverItIsPacked") {
  Skills skills;
  auto const first = skills.add_zip({{"SKILL.md", kText}, {"scripts/a.sh", "#!/bin/sh\n"}, {"b", ""}});
  REQUIRE_MESSAGE(first.has_value(), first.error().message);
  CHECK(first->created);
  CHECK(first->skill["name"] == "review");
  CHECK(first->skill["id"].get<std::string>().starts_with("skl_"));
  std::string const bytes = std::string("SKILL.md\0", 9) + std::to_string(kText.size()) + '\0' + kText +
                            std::string(
                                "b\0"
                                "0\0",
                                4) +
                            std::string(
                                "scripts/a.sh\0"
                                "10\0#!/bin/sh\n",
                                26);
  CHECK(first->skill["contentHash"] == "sha256:" + sha256_hex(bytes));
  auto const again = skills.add_zip({{"b", "", 0777, 1'000'000'000},
                                     {"scripts/", "", 0700, 5, AE_IFDIR},
                                     {"scripts/a.sh", "#!/bin/sh\n", 0755, 7},
                                     {"SKILL.md", kText, 0600, 9}});
  REQUIRE(again.has_value());
  CHECK_FALSE(again->created);
  CHECK(again->skill == first->skill);
  // In a folder of its own, as most programs pack it.
  auto const packed = skills.add_zip({{"x/b", ""}, {"x/SKILL.md", kText}, {"x/scripts/a.sh", "#!/bin/sh\n"}});
  CHECK(packed->skill["id"] == first->skill["id"]);
  CHECK(skills.kept() == 1);
  auto const other = skills.add_zip({{"SKILL.md", kText}, {"scripts/a.sh", "#!/bin/sh\n"}, {"b", "!"}});
  CHECK(other->created);
  CHECK(other->skill["contentHash"] != first->skill["contentHash"]);
  auto const renamed = skills.add_zip({{"SKILL.md", kText}, {"scripts/a.sh", "#!/bin/sh\n"}, {"b", ""}}, "other");
  CHECK(renamed->created);
  CHECK(renamed->skill["contentHash"] == first->skill["contentHash"]);
}

TEST_CASE("WhatIsReadOfAZipIsWhatWasWritten") {
  std::string const binary("\0\xff\x1b\n", 4);
  auto const zip = write_zip({{"SKILL.md", kText}, {"é/b", binary}, {"empty", ""}});
  REQUIRE(zip.has_value());
  auto const read = read_zip(*zip, {10, 1000});
  REQUIRE_MESSAGE(read.has_value(), read.error().message);
  REQUIRE(read->size() == 3);
  CHECK((*read)[1].path == "é/b");
  CHECK((*read)[1].content == binary);
  CHECK(read_zip(*zip, {2, 1000}).error().code == "too_large");
  CHECK(read_zip(*zip, {10, kText.size() + 3}).error().code == "too_large");
  CHECK(read_zip("no zip", {10, 1000}).has_error());
  CHECK(read_zip("", {10, 1000}).has_error());
  for (std::size_t cut = 1; cut < zip->size(); ++cut) {  // half of one is an error, or nothing more than it holds
    auto const part = read_zip(std::string_view(*zip).substr(0, cut), {10, 1000});
    if (part) CHECK(part->size() <= 3);
  }
}

TEST_CASE("WhatUnpacksToMoreThanItMayIsNotUnpacked") {
  Skills skills;
  control::NewSkill bomb;
  bomb.zip = *write_zip({{"SKILL.md", kText}, {"zeros", std::string(kMostSkillBytes + 1, '\0')}});
  CHECK(bomb.zip.size() < 1U << 20);
  CHECK(skills.add(std::move(bomb)).error().code == "too_large");
  std::vector<ZipEntry> many{{"SKILL.md", kText}};
  for (std::size_t i = 0; i < kMostSkillFiles; ++i) many.push_back({std::to_string(i), ""});
  control::NewSkill crowd;
  crowd.zip = *write_zip(many);
  CHECK(skills.add(std::move(crowd)).error().code == "too_large");
  CHECK(skills.kept() == 0);
}

TEST_CASE("NoPathLeadsOutOfASkillsFolder") {
  Skills skills;
  Entry const good{"SKILL.md", kText};
  CHECK(make_skill({{"SKILL.md", kText}, {"a\\b", ""}}, "").has_error());
  for (std::string const path :
       {"../evil", "a/../../evil", "/etc/evil", "a//b", "./a", "a/.", "..", "a\nb", "a\x1b[31m", "a\u202e"})
    CHECK_MESSAGE(!skills.refused({good, {path, "x"}}).empty(), path);
  CHECK_FALSE(skills.refused({good, {std::string(600, 'a'), "x"}}).empty());
  std::string deep = "a";
  for (int i = 0; i < 20; ++i) deep += "/a";
  CHECK_FALSE(skills.refused({good, {deep, "x"}}).empty());
  CHECK(skills.refused({good, {"link", "/etc/passwd", 0777, 0, AE_IFLNK}}).find("link") != std::string::npos);
  CHECK_FALSE(skills.refused({good, {"a", "x"}, {"a/b", "y"}}).empty());
  CHECK_FALSE(skills.refused({good, good}).empty());
  CHECK(skills.refused({{"README.md", "x"}}).find("SKILL.md") != std::string::npos);
  CHECK(skills.kept() == 0);
  CHECK_FALSE(std::filesystem::exists(skills.world.dir() / "evil"));
}

TEST_CASE("OneTextIsASkillToo") {
  Skills skills;
  control::NewSkill plain;
  plain.markdown = "Two blanks, no tabs.\n";
  auto const field = [&] { return skills.add(plain).error().field; };
  CHECK(field() == "name");
  plain.name = "style";
  CHECK(field() == "description");
  plain.description = "a \"line\"\nand another";
  CHECK(field() == "description");
  plain.description = "how \"we\" indent";
  auto const added = skills.add(plain);
  REQUIRE(added.has_value());
  auto const file = skills.folder(added->skill["id"]) / "style" / "SKILL.md";
  CHECK(file_text(file) == "---\nname: style\ndescription: \"how \\\"we\\\" indent\"\n---\n\nTwo blanks, no tabs.\n");
  for (auto const* name : {"skl_x", "a b", "../x", ".x", ""}) {
    control::NewSkill odd = plain;
    odd.name = name;
    CHECK_MESSAGE(skills.add(odd).error().field == "name", name);
  }
  plain.markdown = " \n";
  CHECK(field() == "markdown");
}

TEST_CASE("FilesCanBeReadAndScriptsRunAndNothingMore") {
  Skills skills;
  auto const id = skills.add_zip({{"SKILL.md", kText, 0777}, {"run", "#!/bin/sh\n", 0600}})->skill["id"];
  auto const mode = [&](char const* name) {
    struct stat info{};
    REQUIRE(::stat((skills.folder(id) / "review" / name).c_str(), &info) == 0);
    return info.st_mode & 0777U;
  };
  CHECK(mode("SKILL.md") == 0400);
  CHECK(mode("run") == 0500);
}

TEST_CASE("OfEachNameTheNewestIsListed") {
  Skills skills;
  auto const old = skills.id_of("b", "one"), a = skills.id_of("a", "x"), b = skills.id_of("b", "two");
  CHECK(skills.listed() == Ids{a, b});
  CHECK(skills.listed({.name = "b"}) == Ids{b});
  CHECK(skills.listed({.name = "none"}).empty());
  auto const hash = (*skills.world.ask(skills.api->skill(old)))["contentHash"].get<std::string>();
  CHECK(skills.listed({.hash = hash}) == Ids{old});
  CHECK(skills.listed({.name = "a", .hash = hash}).empty());
  CHECK(skills.listed({.limit = 1}) == Ids{a});
  CHECK((*skills.world.ask(skills.api->skills({.limit = 1})))["nextCursor"] == "a");
  CHECK(skills.listed({.after = "a"}) == Ids{b});
  // The one before it is the newest then.
  CHECK(skills.remove(b).has_value());
  CHECK(skills.listed() == Ids{a, old});
}

TEST_CASE("ARemovedSkillIsFoundByNobodyAndItsContentIsANewOne") {
  Skills skills;
  auto const id = skills.id_of("b", "one");
  auto const removed = skills.remove(id);
  REQUIRE(removed.has_value());
  CHECK((*removed)["pinnedBy"].empty());
  CHECK(skills.listed().empty());
  CHECK(skills.remove("skl_never").error().code == "no_such_skill");
  CHECK(skills.remove(id).error().code == "gone");
  CHECK(skills.world.ask(skills.api->skill(id)).error().code == "gone");
  CHECK(skills.kept() == 0);
  CHECK(skills.id_of("b", "one") != id);
}

TEST_CASE("AnAgentKeepsWhatItWasSpawnedWith") {
  Skills skills;
  auto const one = skills.id_of("one", "first"), two = skills.id_of("two", "x");
  auto const folder = skills.folder_with("three", "as it was");
  skills.world.spawn({{"skills", {"one", two, folder}}});
  auto const pinned = skills.world.agent().spec().skills;
  REQUIRE(pinned.size() == 3);
  CHECK(pinned[0].id == one);
  CHECK(pinned[1].id == two);
  CHECK(pinned[2].name == "three");
  CHECK(skills.listed() == Ids{one, two});  // a folder's content is in no list
  auto const& profile = *skills.world.agent().spec().agent_profile;
  CHECK(profile.host);
  CHECK(profile.skills == std::vector<std::string>{skills.folder(one) / "one", skills.folder(two) / "two",
                                                   skills.folder(pinned[2].id) / "three"});
  (void)skills.id_of("one", "second");
  CHECK((*skills.remove(one))["pinnedBy"] == json{"a"});
  std::ofstream(folder + "/SKILL.md") << "changed";
  for (int round = 0; round < 2; ++round) {
    auto const& kept = skills.world.agent().spec();
    CHECK(kept.skills.size() == 3);
    CHECK(file_text(std::filesystem::path(kept.agent_profile->skills[0]) / "SKILL.md").find("first") !=
          std::string::npos);
    CHECK(file_text(std::filesystem::path(kept.agent_profile->skills[2]) / "SKILL.md") == "as it was");
    auto const shown = to_public(kept)["skills"][0];
    CHECK(shown == json{{"id", one}, {"name", "one"}, {"contentHash", kept.skills[0].hash}});
    if (round == 0) skills.restart();
  }
  CHECK((*skills.world.ask(skills.api->skill(one)))["live"] == false);
  skills.world.until_state("idle");
  REQUIRE(skills.world.act("stop").has_value());
  skills.world.until_state("stopped");
  REQUIRE(skills.world.await(skills.world.supervisor().remove("a")).has_value());
  CHECK_FALSE(std::filesystem::exists(skills.folder(one)));
  CHECK_FALSE(std::filesystem::exists(skills.folder(pinned[2].id)));
  CHECK(skills.kept() == 2);  // the second "one", and "two"
}

TEST_CASE("AFolderThatManyHaveIsKeptOnce") {
  Skills skills;
  auto const folder = skills.folder_with("three", kText);
  for (auto const* id : {"a", "b"}) skills.world.begin_spawn({{"id", id}, {"skills", {folder}}});
  CHECK(skills.kept() == 1);
}

TEST_CASE("ASpawnThatFailsLeavesNothing") {
  Skills skills;
  auto const folder = skills.folder_with("three", kText);
  auto const refused = [&](json const& names) {
    auto const tried = skills.world.try_spawn({{"id", "b"}, {"skills", names}});
    REQUIRE(tried.has_error());
    CHECK(tried.error().field == "skills");
    return tried.error().message;
  };
  CHECK(refused({folder, "nobody"}).find("nobody") != std::string::npos);
  CHECK_FALSE(refused({"skl_none"}).empty());
  CHECK_FALSE(refused({"three/"}).empty());  // relative to what?
  CHECK_FALSE(refused({skills.world.dir().string() + "/nowhere"}).empty());
  (void)skills.id_of("three", "another");
  CHECK(refused({folder, "three"}).find("two skills are called three") != std::string::npos);
  std::filesystem::create_symlink("/etc/passwd", folder + "/link");
  CHECK(refused({folder}).find("link") != std::string::npos);
  std::filesystem::remove(folder + "/link");
  CHECK(skills.kept() == 1);  // the one that is listed
  skills.world.script.throws.insert("prepare");
  (void)skills.world.try_spawn({{"id", "b"}, {"skills", {folder}}});
  skills.world.script.throws.clear();
  skills.restart();
  CHECK(skills.kept() == 1);
}

TEST_CASE("WhatADaemonLeftHalfDoneIsRemoved") {
  Skills skills;
  auto const id = skills.id_of("one", "x");
  std::filesystem::create_directories(skills.folder("skl_halfway") / "b");
  skills.world.journal().write([](Database& db) { SkillTable(db).pin("nobody", "skl_none"); });
  skills.restart();
  CHECK(skills.kept() == 1);
  CHECK(skills.listed() == Ids{id});
}

TEST_CASE("ThereIsRoomForSoManySkills") {
  World world;
  daemon::SkillStore store(world.executor(), world.journal(), world.services().files, world.dir() / "few", {2, 100});
  REQUIRE(world.ask(store.load()).has_value());
  auto const add = [&](std::string const& name, std::size_t bytes) {
    auto const added = world.ask(store.add({name, {{"SKILL.md", std::string(bytes, 'x')}}}));
    return added ? "" : added.error().code;
  };
  CHECK(add("a", 60) == "");
  CHECK(add("b", 60) == "quota");
  CHECK(add("b", 10) == "");
  CHECK(add("c", 10) == "quota");
  CHECK(add("b", 10) == "");  // it is there
}
