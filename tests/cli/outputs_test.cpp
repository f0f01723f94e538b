// The verbs for what agents make, against a fake daemon.
#include "cli_process.hpp"
#include "fake_daemon.hpp"
#include "support/file_text.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace ar;
using namespace ar::test;

namespace {

json output(std::string const& name) {
  return {{"id", "0123456789abcdef0123"},
          {"name", name},
          {"path", "/w/" + name},
          {"byteSize", 2048},
          {"contentType", nullptr},
          {"sha256", "00"},
          {"turnSeq", 2},
          {"modifiedAt", "2023-11-14T22:13:20.000Z"},
          {"capturedAt", "2023-11-14T22:13:20.000Z"},
          {"goneAt", nullptr}};
}

struct Scene {
  CliHome home;
  bool breaks_off = false;
  FakeDaemon daemon{home.socket(), [this](FakeRequest const& request) { return reply_to(request); }};

  FakeReply reply_to(FakeRequest const& request) const {
    if (request.path == "/v1/info") return json{{"version", "0.1.0"}};
    if (request.path == "/v1/sessions/none/archive") return problem(409, "run_not_started", "there was no turn yet");
    if (request.path.ends_with("/archive")) {
      FakeReply reply;
      reply.breaks_off = breaks_off;
      reply.stream = [](FakeStream& stream) {
        for (int i = 0; i < 100; ++i) stream.write(std::string(10'000, 'z'));
      };
      return reply;
    }
    if (request.query.find("cursor=1") != std::string::npos)
      return json{{"outputs", {output("b.txt")}}, {"missing", json::array()}};
    json missing = {{{"path", "/w/li\033nk"}, {"reason", "not_regular"}, {"message", "it is a symbolic link"}}};
    return json{{"outputs", {output("a\033[31m.txt")}}, {"missing", missing}, {"nextCursor", 1}};
  }
  Ran run(std::vector<std::string> const& arguments) const { return home.run(arguments, {}, {}); }
};

}  // namespace

TEST_CASE("OutputsAreListedOverAllPagesAndWhatIsMissingIsTold") {
  Scene const scene;
  auto const listed = scene.run({"outputs", "alice", "--name", "*.txt", "--since", "5"});
  CHECK(listed.status == 0);
  CHECK(listed.out.find("b.txt") != std::string::npos);
  CHECK(listed.out.find("2.0K") != std::string::npos);
  CHECK(listed.out.find('\033') == std::string::npos);
  CHECK(listed.err.find("not_regular") != std::string::npos);
  CHECK(listed.err.find('\033') == std::string::npos);
  auto const first = scene.daemon.last("/v1/sessions/alice/outputs");
  CHECK(first.query.find("name=%2A.txt&since=5&") == 0);
  auto const lines = scene.run({"outputs", "alice", "--json"}).out;
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 2);
}

TEST_CASE("ADownloadIsWholeOrNotThere") {
  Scene scene;
  auto const file = scene.home.dir() / "a.zip";
  auto const loaded = scene.run({"download", "alice", "--out", file.string(), "--json"});
  CHECK_MESSAGE(loaded.status == 0, loaded.err);
  CHECK(json::parse(loaded.out)["bytes"] == 1'000'000);
  CHECK(std::filesystem::file_size(file) == 1'000'000);
  CHECK(scene.run({"download", "alice", "--out", file.string()}).status == 4);  // it is there
  CHECK(std::filesystem::file_size(file) == 1'000'000);
  auto const other = scene.home.dir() / "b.zip";
  CHECK(scene.run({"download", "none", "--out", other.string()}).status == 4);
  CHECK_FALSE(std::filesystem::exists(other));
  scene.breaks_off = true;
  CHECK(scene.run({"download", "alice", "--out", other.string()}).status != 0);
  CHECK_FALSE(std::filesystem::exists(other));
}
