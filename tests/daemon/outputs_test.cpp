// What is taken of output folders, and what is not: by real files, in folders that programs may do anything to.
#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/zip/zip_stream.hpp"
#include "daemon/outputs/archive_names.hpp"
#include "daemon/outputs/capture.hpp"
#include "daemon/outputs/content_type.hpp"
#include "daemon/outputs/output_dirs.hpp"
#include "daemon/outputs/output_store.hpp"
#include "daemon/outputs/stable_copy.hpp"
#include "support/file_text.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

using namespace ar;
using namespace ar::daemon;
namespace fs = std::filesystem;

namespace {

/// A workspace with a folder of outputs, and what a keeper does with it.
struct Scene {
  test::TempDir temp;
  fs::path work = temp.path() / "work", out = work / "out", store = temp.path() / "state" / "store";
  std::vector<OutputTable::Row> known;
  CaptureJob job{};

  Scene() {
    fs::create_directories(out);
    job.folders = {{out.string()}, {work.string()}, (temp.path() / "state").string()};
    job.store = store;
    job.turn = 1;
    job.now = from_millis(1000);
    job.most_bytes = 1 << 20;
    job.most_files = 100;
  }
  void write(std::string const& name, std::string const& text) const {
    fs::create_directories((out / name).parent_path());
    std::ofstream(out / name, std::ios::binary) << text;
    // Not so fresh that its stamp means nothing.
    fs::last_write_time(out / name, fs::file_time_type::clock::now() - std::chrono::hours(1));
  }
  Capture capture() {
    job.known = known;
    auto done = capture_outputs(job);
    for (auto const& row : done.taken) {
      std::erase_if(known, [&](auto const& one) { return one.path == row.path; });
      known.push_back(row);
    }
    for (auto& row : known) {
      for (auto const& same : done.same)
        if (same.path == row.path) row.stamp = same.stamp, row.gone_at = {};
      if (std::ranges::find(done.gone, row.path) != done.gone.end()) row.gone_at = job.now;
    }
    return done;
  }
  std::size_t files_in_store() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(store), fs::directory_iterator()));
  }
  std::string kept(OutputTable::Row const& row) const { return test::file_text(store / row.sha256); }
};

std::map<std::string, std::string> reasons(Capture const& done) {
  std::map<std::string, std::string> all;
  for (auto const& one : done.missing) all[fs::path(one.path).filename().string()] = one.reason;
  return all;
}

std::vector<std::string> names(Capture const& done) {
  std::vector<std::string> all;
  for (auto const& row : done.taken) all.push_back(row.name);
  return all;
}

}  // namespace

TEST_CASE("OutputFoldersAreNamedFromTheRootOnAndWithoutWaysOut") {
  std::string const longest = "/" + std::string(511, 'x');
  for (auto const& [dirs, good] :
       std::vector<std::pair<std::vector<std::string>, bool>>{{{}, true},
                                                              {{"/a"}, true},
                                                              {{"/a/b/"}, true},
                                                              {{"/a..b/..c/d.."}, true},
                                                              {{longest}, true},
                                                              {{longest + "x"}, false},
                                                              {{"a"}, false},
                                                              {{""}, false},
                                                              {{"./a"}, false},
                                                              {{"/a/../b"}, false},
                                                              {{"/.."}, false},
                                                              {{"/a/.."}, false},
                                                              {{std::string("/a\0b", 4)}, false},
                                                              {std::vector<std::string>(32, "/a"), true},
                                                              {std::vector<std::string>(33, "/a"), false}}) {
    CAPTURE(dirs.size());
    auto const problem = output_dirs_problem(dirs);
    CHECK_MESSAGE(problem.empty() == good, problem);
  }
  CHECK(normal_dir("//a/./b//c/") == "/a/b/c");
  CHECK(normal_dir("/") == "/");
}

TEST_CASE("AFolderLiesInARootOrInNone") {
  std::vector<std::string> const roots{"/home/ann/", "/srv/out", "relative"};
  CHECK(root_of("/home/ann", roots) == "/home/ann");
  CHECK(root_of("/home/ann/a/b", roots) == "/home/ann");
  CHECK(root_of("/srv/out/x", roots) == "/srv/out");
  CHECK(root_of("/srv/output", roots).empty());
  CHECK(root_of("/srv", roots).empty());
  CHECK(root_of("/home/anna", roots).empty());
  CHECK(root_of("/any/thing", {"/"}) == "/");
  CHECK(moved_dir("/link/p/out", "/link/p", "/data/p") == "/data/p/out");
  CHECK(moved_dir("/link/p", "/link/p", "/data/p") == "/data/p");
  CHECK(moved_dir("/link/pp", "/link/p", "/data/p") == "/link/pp");
}

TEST_CASE("NamesInAnArchiveAreSafeAndEachAnotherOne") {
  ArchiveNames names;
  auto const id = [](char c) { return std::string(8, c) + "0123456789ab"; };
  CHECK(names.add("report/a.txt", id('1')) == "report/a.txt");
  CHECK(names.add("report/a.txt", id('2')) == "report/a-22222222.txt");
  CHECK(names.add("Report/A.TXT", id('3')) == "Report/A-33333333.TXT");  // some systems know no case
  CHECK(names.add("report/a.txt", id('2')) == "a-22222222-2.txt");
  CHECK(names.add("../../etc/passwd", id('4')) == "__/__/etc/passwd");
  CHECK(names.add("/abs", id('5')).find("//") == std::string::npos);
  CHECK(names.add("a\\b:c*?.txt", id('6')) == "a_b_c__.txt");
  CHECK(names.add("über \xE2\x80\xAE.md", id('7')) == "_ber__.md");
  CHECK(names.add("con.txt", id('8')) == "_con.txt");
  CHECK(names.add("x/Lpt1", id('9')) == "x/_Lpt1");
  CHECK(names.add("dots...", id('a')) == "dots.._");
  CHECK(names.add(".hidden", id('b')) == "_hidden");
  // A file where another one has a folder, and the other way round.
  CHECK(names.add("report", id('c')) == "report-cccccccc");
  CHECK(names.add("abs2", id('d')) == "abs2");
  CHECK(names.add("abs2/inner.txt", id('e')) == "inner-eeeeeeee-2.txt");
  CHECK(names.add(std::string(300, 'n') + ".html", id('f')).size() <= 105);
}

TEST_CASE("WhatAFileIsShowsByItsEnding") {
  CHECK(content_type_of("a.PNG") == "image/png");
  CHECK(content_type_of("x/notes.tar.gz") == "application/gzip");
  CHECK(content_type_of("Makefile").empty());
  CHECK(content_type_of("a.unheard").empty());
  CHECK(content_type_of("a.").empty());
}

TEST_CASE("ACaptureTakesWhatIsNewAndWhatHasChanged") {
  Scene scene;
  scene.write("a.txt", "one");
  scene.write("deep/er/b.md", "two");
  scene.write("same.txt", "one");
  auto const first = scene.capture();
  CHECK(names(first) == std::vector<std::string>{"a.txt", "deep/er/b.md", "same.txt"});
  CHECK(first.missing.empty());
  CHECK(first.taken[0].sha256 == sha256_hex("one"));
  CHECK(first.taken[0].id != first.taken[2].id);  // one content at two paths
  CHECK(scene.files_in_store() == 2);
  struct stat file{};
  REQUIRE(::stat((scene.store / sha256_hex("one")).c_str(), &file) == 0);
  CHECK((file.st_mode & 07777) == 0600);
  REQUIRE(::stat(scene.store.c_str(), &file) == 0);
  CHECK((file.st_mode & 07777) == 0700);

  CHECK(scene.capture().taken.empty());
  scene.write("a.txt", "uno");
  fs::remove(scene.out / "same.txt");
  auto const second = scene.capture();
  CHECK(names(second) == std::vector<std::string>{"a.txt"});
  CHECK(second.taken[0].id != first.taken[0].id);
  CHECK(second.gone == std::vector<std::string>{(scene.out / "same.txt").string()});
  CHECK(scene.capture().gone.empty());  // that is known
  scene.write("same.txt", "one");
  auto const third = scene.capture();
  CHECK(third.taken.empty());
  CHECK(std::ranges::find(third.same, "same.txt", &OutputTable::Row::name) != third.same.end());
  CHECK_FALSE(scene.known.back().gone_at.has_value());
}

TEST_CASE("WhatIsNoRegularFileOfTheFolderIsNotRead") {
  Scene scene;
  std::ofstream(scene.temp.path() / "secret") << "secret";
  fs::create_directories(scene.work / "inner");
  std::ofstream(scene.work / "inner" / "x") << "x";
  fs::create_symlink(scene.temp.path() / "secret", scene.out / "link");
  fs::create_symlink("/", scene.out / "root");
  fs::create_directory_symlink(scene.work / "inner", scene.out / "folder");
  REQUIRE(::mkfifo((scene.out / "pipe").c_str(), 0600) == 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  (scene.out / "sock").string().copy(address.sun_path, sizeof address.sun_path - 1);
  int const fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  ::close(fd);
  std::ofstream(scene.out / "bad\xFF.txt") << "x";
  scene.write("good.txt", "good");
  auto const done = scene.capture();
  CHECK(names(done) == std::vector<std::string>{"good.txt"});
  auto const why = reasons(done);
  for (auto const* name : {"link", "root", "folder", "pipe", "sock"})
    CHECK_MESSAGE(why.at(name) == "not_regular", name);
  CHECK(why.size() == 6);
  CHECK(why.at("bad\uFFFD.txt") == "read_failed");
}

TEST_CASE("AnOutputFolderThatIsALinkOrIsNotThereIsTold") {
  Scene scene;
  fs::create_directory_symlink("/etc", scene.work / "etc");
  std::ofstream(scene.work / "file") << "x";
  scene.job.folders.dirs = {(scene.work / "etc").string(), (scene.work / "etc" / "ssl").string(),
                            (scene.work / "none").string(), (scene.work / "file").string(), "/usr/share"};
  auto const why = reasons(scene.capture());
  CHECK(why.at("etc") == "not_regular");
  CHECK(why.at("ssl") == "not_regular");
  CHECK(why.at("none") == "dir_missing");
  CHECK(why.at("file") == "read_failed");
  CHECK(why.at("share") == "dir_missing");
  CHECK(why.size() == 5);
}

TEST_CASE("FoldersThatOverlapGiveEachFileOnceAndNoStateOfOurs") {
  Scene scene;
  scene.write("a/x.txt", "x");
  scene.job.folders = {{scene.temp.path().string(), (scene.out / "a").string()},
                       {scene.temp.path().string()},
                       (scene.temp.path() / "state").string()};
  fs::create_directories(scene.temp.path() / "state");
  std::ofstream(scene.temp.path() / "state" / "operator-token") << "secret";
  auto const done = scene.capture();
  CHECK(names(done) == std::vector<std::string>{"work/out/a/x.txt"});
  CHECK(reasons(done).at("state") == "read_failed");
}

TEST_CASE("TheQuotaHoldsOverAllCaptures") {
  Scene scene;
  scene.job.most_bytes = 100;
  scene.write("a", std::string(60, 'a'));
  scene.write("b", std::string(60, 'b'));
  scene.write("c", std::string(40, 'c'));
  auto done = scene.capture();
  CHECK(names(done) == std::vector<std::string>{"a", "c"});
  CHECK(reasons(done).at("b") == "storage_cap_exceeded");
  CHECK(done.missing[0].id.empty());
  scene.write("a", std::string(61, 'a'));  // what it replaces makes room, and not enough
  done = scene.capture();
  CHECK(done.taken.empty());
  CHECK(reasons(done).at("a") == "storage_cap_exceeded");
  CHECK(done.missing[0].id == scene.known[0].id);  // the earlier content stays
  scene.write("a", std::string(60, 'A'));
  CHECK(names(scene.capture()) == std::vector<std::string>{"a"});
  CHECK(scene.files_in_store() == 3);
}

TEST_CASE("SoManyFilesAreKeptAndNoMore") {
  Scene scene;
  scene.job.most_files = 3;
  for (auto const* name : {"a", "b", "c", "d", "e"}) scene.write(name, name);
  auto const done = scene.capture();
  CHECK(done.taken.size() == 3);
  CHECK(reasons(done).at("out") == "storage_cap_exceeded");
  CHECK(done.gone.empty());
}

TEST_CASE("AFileThatIsWrittenToWhileItIsReadIsNotTakenForOne") {
  Scene scene;
  scene.job.most_bytes = 256 << 20;
  std::ofstream(scene.out / "log") << std::string(8 << 20, 'x');
  std::jthread const writer([&](std::stop_token const& stop) {
    std::ofstream log(scene.out / "log", std::ios::app);
    while (!stop.stop_requested()) log << "more" << std::flush;
  });
  // On a busy machine the writer may stand still for as long as a capture takes; that one takes a whole file.
  auto const deadline = Clock::now() + std::chrono::seconds(60);
  std::size_t whole = 0;
  bool changed = false;
  while (!changed && Clock::now() < deadline) {
    auto const done = scene.capture();
    whole += done.taken.size();
    changed = done.taken.empty() && reasons(done).at("log") == "changed_while_read";
  }
  CHECK(changed);
  CHECK(scene.files_in_store() == whole);  // nothing half
}

TEST_CASE("AFileThatWasWrittenJustNowIsReadAgain") {
  Scene scene;
  std::ofstream(scene.out / "fresh") << "one";
  CHECK(scene.capture().taken[0].stamp.empty());
  fs::last_write_time(scene.out / "fresh", fs::file_time_type::clock::now() - std::chrono::hours(1));
  struct stat file{};
  REQUIRE(::stat((scene.out / "fresh").c_str(), &file) == 0);
  std::this_thread::sleep_until(std::chrono::system_clock::from_time_t(file.st_ctim.tv_sec) +
                                std::chrono::nanoseconds(file.st_ctim.tv_nsec) + std::chrono::milliseconds(60));
  auto const again = scene.capture();
  CHECK(again.taken.empty());
  REQUIRE(again.same.size() == 1);
  CHECK_FALSE(again.same[0].stamp.empty());
}

TEST_CASE("ACaptureThatIsStoppedCountsForNothing") {
  Scene scene;
  scene.write("a", "a");
  std::stop_source stop;
  stop.request_stop();
  scene.job.stop = stop.get_token();
  auto const done = scene.capture();
  CHECK(done.cut_off);
  CHECK(done.gone.empty());
}

TEST_CASE("WhatADaemonLeftThatDiedInTheMidstIsSweptAway") {
  Scene scene;
  OutputStore const store(scene.store);
  REQUIRE(store.make().has_value());
  std::ofstream(scene.store / ".new-0011223344556677") << "half";
  std::ofstream(scene.store / sha256_hex("whole")) << "whole";
  std::ofstream(scene.store / sha256_hex("listed")) << "listed";
  store.sweep({sha256_hex("listed")});
  CHECK(scene.files_in_store() == 1);
  CHECK(store.open(sha256_hex("listed"), 6).has_value());
  CHECK(store.open(sha256_hex("listed"), 7).error().code == "output_lost");
  CHECK(store.open(sha256_hex("whole"), 5).error().code == "output_lost");
}

TEST_CASE("AZipIsMadeAPartAtATime") {
  test::TempDir temp;
  std::string all;
  {
    ZipStream zip;
    REQUIRE(zip.add_folder("outputs", from_millis(0)).has_value());
    REQUIRE(zip.begin_file("run.json", std::nullopt, from_millis(1'700'000'000'000)).has_value());
    REQUIRE(zip.add("{\"a\":").has_value());
    REQUIRE(zip.add("1}").has_value());
    REQUIRE(zip.begin_file("outputs/big", 3 << 20, from_millis(0)).has_value());
    std::size_t longest = 0;
    for (int i = 0; i < 48; ++i) {
      std::string part(64 << 10, '\0');
      for (auto& c : part)
        c = static_cast<char>(std::hash<int>()(i * 31 + static_cast<int>(&c - part.data())) * 2654435761U >> 13);
      REQUIRE(zip.add(part).has_value());
      auto const out = zip.take();
      longest = std::max(longest, out.size());
      all += out;
    }
    CHECK(longest < (300U << 10));  // what goes in comes out
    REQUIRE(zip.begin_file("outputs/empty", 0, from_millis(0)).has_value());
    REQUIRE(zip.finish().has_value());
    all += zip.take();
  }
  std::ofstream(temp.path() / "a.zip", std::ios::binary) << all;
  auto const tested = "unzip -tqq " + (temp.path() / "a.zip").string();
  CHECK(std::system(tested.c_str()) == 0);
  {
    ZipStream const abandoned;
  }
}
