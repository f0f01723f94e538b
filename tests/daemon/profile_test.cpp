#include "daemon/config/profile.hpp"

#include "base/paths.hpp"
#include "daemon/config/config.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::daemon;
using adapters::Profile;
using adapters::Reach;
namespace fs = std::filesystem;

namespace {

struct Folder {
  test::TempDir dir;
  fs::path path() const { return dir.path(); }
  void write(std::string const& name, std::string const& text) const {
    fs::create_directories((dir.path() / name).parent_path());
    REQUIRE(write_file(dir.path() / name, text).has_value());
  }
  Result<Config> load(std::string const& toml) const {
    write("config.toml", toml);
    return Config::load(dir.path() / "config.toml");
  }
  std::string mistake(std::string const& toml) const {
    auto const config = load(toml);
    return config ? std::string("accepted") : config.error().message;
  }
};

Profile resolved(Config const& config, std::string const& name) {
  auto profile = resolve_profile(config.profiles.at(name), name, config.profiles, "profiles." + name + ".");
  REQUIRE_MESSAGE(profile.has_value(), profile.error().message);
  return *profile;
}

}  // namespace

TEST_CASE("AProfileOfTheConfigurationIsReadWithItsFiles") {
  Folder folder;
  folder.write("review/SKILL.md", "---\nname: review\n---\n");
  folder.write("rules.md", "be kind");
  auto const config = folder.load(R"([profiles.reviewer]
provider = "claude"
host = ["login"]
skills = ["review"]
[profiles.reviewer.relay]
context = false
[profiles.reviewer.instructions]
append = ["one", {file = "rules.md"}]
system = "You review."
[profiles.reviewer.mcp.servers.db]
command = "db"
env = {PASSWORD = "hidden"}
[profiles.reviewer.permissions]
mode = "read-only"
)");
  REQUIRE_MESSAGE(config.has_value(), config.error().message);
  auto const profile = resolved(*config, "reviewer");
  CHECK_FALSE(profile.host);
  CHECK(profile.host_login);
  CHECK_FALSE(profile.relay_context);
  CHECK(profile.append == std::vector<std::string>{"one", "be kind"});
  CHECK(profile.skills == std::vector<std::string>{(folder.path() / "review").string()});
  CHECK(profile.mcp == Reach::none);
  CHECK(profile.approval_mode == "read-only");
  // What is shown says no secret, and where it stands.
  bool shown = false;
  for (auto const& entry : config->explained) {
    if (entry.key != "profiles.reviewer") continue;
    shown = true;
    CHECK(entry.origin.ends_with("config.toml:1"));
    CHECK(entry.value.dump().find("hidden") == std::string::npos);
    CHECK(entry.value["mcp"]["servers"] == json::array({"db"}));
  }
  CHECK(shown);
  // The journal's form is read back as it was.
  auto const again = adapters::profile_from(json::parse(to_json(profile).dump()), "", "");
  REQUIRE(again.has_value());
  CHECK(to_json(*again) == to_json(profile));
}

TEST_CASE("AProfileBuildsOnAnother") {
  Folder folder;
  auto const config = folder.load(R"([profiles.base]
base = "host"
[profiles.base.mcp]
mode = "none"
servers = {a = {command = "a"}, b = {command = "b"}}
[profiles.child]
base = "base"
[profiles.child.mcp]
servers = {b = {url = "http://b", command = ""}}
[profiles.grandchild]
base = "child"
strict = true
)");
  REQUIRE_MESSAGE(config.has_value(), config.error().message);
  auto const profile = resolved(*config, "grandchild");
  CHECK(profile.host);
  CHECK(profile.strict);
  CHECK(profile.mcp == Reach::none);
  CHECK(profile.hooks == Reach::host);  // the host's ground, unless said
  CHECK(profile.global_instructions);
  CHECK(profile.mcp_servers["a"]["command"] == "a");
  CHECK(profile.mcp_servers["b"]["url"] == "http://b");
}

TEST_CASE("AProfileMayNameSkillsThatAreKept") {
  Folder folder;
  folder.write("review/SKILL.md", "---\nname: review\n---\n");
  auto const config = folder.load("[profiles.a]\nskills = [\"review\", \"style\", \"skl_0a1b\"]\n");
  REQUIRE_MESSAGE(config.has_value(), config.error().message);
  // A folder beside the file is that; what the others mean is found out at the spawn.
  CHECK(resolved(*config, "a").skills ==
        std::vector<std::string>{(folder.path() / "review").string(), "style", "skl_0a1b"});
}

TEST_CASE("MistakesInProfilesAreNamedWithFileAndLine") {
  Folder folder;
  auto const says = [&](std::string const& toml, std::string const& place, std::string const& words) {
    auto const message = folder.mistake(toml);
    CHECK_MESSAGE(message.find("config.toml:" + place) != std::string::npos, message);
    CHECK_MESSAGE(message.find(words) != std::string::npos, message);
  };
  says("[profiles.a]\n\nskils = []\n", "3:", "unknown field profiles.a.skils");
  says("[profiles.a]\nstrict = 3\n", "2:", "must be true or false");
  says("[profiles.a]\n[profiles.a.instructions]\nsystm = \"x\"\n", "3:", "unknown field profiles.a.instructions.systm");
  says("[profiles.a]\nskills = [\"./nowhere\"]\n", "2:", "does not exist");
  says("[profiles.a.instructions]\nsystem = {file = \"gone.md\"}\n", "2:", "gone.md");
  says("[profiles.a]\nbase = \"b\"\n", "2:", "neither host, isolated nor a profile");
  says("[profiles.a]\nbase = \"b\"\n[profiles.b]\nbase = \"a\"\n", "2:", "back to itself");
  says("[profiles.a]\nprovider = \"gpt\"\n", "2:", "any, claude, codex, command, acp, gemini");
  says("[profiles.a]\nhost = [\"everything\"]\n", "2:", "login, settings and env");
  says("[profiles.a.mcp]\nmode = \"some\"\n", "2:", "none, project or host");
  says("[profiles.a.mcp.servers.x]\nargs = [\"1\"]\n", "1:", "or url must be given");
  says("[profiles.host]\n", "1:", "no name for a profile");
  says("[profiles]\na = 3\n", "2:", "must be a section");
  fs::create_directories(folder.path() / "empty");
  says("[profiles.a]\nskills = [\"empty\"]\n", "2:", "SKILL.md");
}

TEST_CASE("LinksFollowWhatIsWanted") {
  Folder folder;
  folder.write("target", "t");
  auto const link = folder.path() / "link";
  REQUIRE(adapters::keep_link(true, folder.path() / "target", link).has_value());
  REQUIRE(adapters::keep_link(true, folder.path() / "target", link).has_value());
  CHECK(fs::is_symlink(link));
  REQUIRE(adapters::keep_link(false, folder.path() / "target", link).has_value());
  CHECK_FALSE(fs::exists(fs::symlink_status(link)));
  folder.write("link", "own");
  REQUIRE(adapters::keep_link(false, folder.path() / "target", link).has_value());
  CHECK(*read_file(link, 10) == "own");
  REQUIRE(adapters::keep_link(true, folder.path() / "nowhere", link).has_value());
  CHECK(*read_file(link, 10) == "own");
}
