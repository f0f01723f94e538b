#include "base/paths.hpp"

#include "base/check_readable.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace ar;

TEST_CASE("PrivateDirectoriesAreMadePrivate") {
  test::TempDir temp;
  auto const dir = temp.path() / "a" / "b";
  REQUIRE(make_private_dir(dir).has_value());
  struct stat info{};
  REQUIRE(::stat(dir.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  std::ofstream(temp.path() / "file") << "x";
  CHECK(make_private_dir(temp.path() / "file").error().code == "not_a_directory");
}

TEST_CASE("ADirectoryInWhichNoProgramCanWorkIsExplained") {
  test::TempDir temp;
  auto const closed = temp.path() / "closed";
  std::filesystem::create_directory(closed);
  std::filesystem::permissions(closed, std::filesystem::perms::none);
  std::ofstream(temp.path() / "file") << "x";
  // Root may enter everything.
  std::filesystem::permissions(temp.path(), static_cast<std::filesystem::perms>(0755));
  bool const was_root = ::geteuid() == 0;
  if (was_root) REQUIRE(::seteuid(65534) == 0);
  auto const why = [&](std::filesystem::path const& dir) {
    auto const usable = check_directory(dir);
    return usable ? std::string() : usable.error().message;
  };
  auto const fine = why(temp.path()), barred = why(closed), below = why(closed / "x"),
             missing = why(temp.path() / "no"), file = why(temp.path() / "file"),
             under_file = why(temp.path() / "file" / "x");
  if (was_root) REQUIRE(::seteuid(0) == 0);
  CHECK(fine.empty());
  CHECK(barred.ends_with("closed cannot be entered: Permission denied"));
  CHECK(below.ends_with("x cannot be reached: Permission denied"));
  CHECK(missing.ends_with("no does not exist; create it or name another"));
  CHECK(file.ends_with("file is no directory; name another"));
  CHECK(under_file.ends_with("x is no directory; name another"));
}

TEST_CASE("FilesAreWrittenWholePrivateAndReadWithALimit") {
  test::TempDir temp;
  auto const file = temp.path() / "f";
  REQUIRE(write_file(file, "one").has_value());
  REQUIRE(write_file(file, "two").has_value());
  CHECK(*read_file(file, 10) == "two");
  CHECK(read_file(file, 2).error().kind == ErrorKind::too_large);
  CHECK(read_file(temp.path() / "none", 2).error().code == "file_not_found");
  CHECK(check_readable(file, 3).has_value());
  CHECK(check_readable(file, 2).error().kind == ErrorKind::too_large);
  CHECK(check_readable(temp.path() / "none", 2).error().code == "file_not_found");
  CHECK(check_readable(file / "below", 2).error().code == "file_not_found");
  struct stat info{};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(std::distance(std::filesystem::directory_iterator(temp.path()), {}) == 1);
}

TEST_CASE("OnlyRegularFilesAreRead") {
  test::TempDir temp;
  auto const pipe = temp.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  for (auto const& what : {pipe, temp.path(), std::filesystem::path("/dev/zero")})
    for (auto const& why : {read_file(what, 10).error(), check_readable(what, 10).error()})
      CHECK_MESSAGE(why.code == "not_a_file", what.string());
}

TEST_CASE("AFileIsReadFromItsFoldersOnlyWhateverLinksSay") {
  test::TempDir temp;
  auto const ours = temp.path() / "ours", beside = temp.path() / "ours-too";
  for (auto const& folder : {ours / "deep", beside}) std::filesystem::create_directories(folder);
  for (auto const& folder : {ours / "deep", beside}) std::ofstream(folder / "f") << "x";
  std::filesystem::create_symlink(beside / "f", ours / "link");
  std::filesystem::create_symlink(beside, ours / "folder");
  std::filesystem::create_symlink(ours, beside / "back");
  auto const read = [&](std::filesystem::path const& file) {
    return read_file_below({temp.path() / "gone", ours}, file, 9);
  };
  for (auto const& inside : {ours / "deep" / "f", beside / "back" / "deep" / "f", ours / "deep" / ".." / "deep" / "f"})
    CHECK_MESSAGE(read(inside).has_value(), inside.string());
  for (auto const& outside : {beside / "f", ours / "link", ours / "folder" / "f", ours / ".." / "ours-too" / "f"})
    CHECK_MESSAGE(read(outside).error().code == "outside_folders", outside.string());
}

TEST_CASE("ExecutablesAreFoundOnThePathOrNamed") {
  CHECK(find_executable("sh").has_value());
  CHECK(find_executable("no-such-program").error().code == "command_not_found");
  CHECK(find_executable("/etc/passwd").error().code == "command_not_found");
}

TEST_CASE("StateDirectoryTooLongForSocketsIsRefused") {
  CHECK(Paths::resolve("/tmp/x").has_value());
  CHECK(Paths::resolve("/tmp/" + std::string(100, 'x')).error().kind == ErrorKind::invalid);
}

TEST_CASE("AFullDiskIsToldAsThatAndWhatToDo") {
  for (int const why : {ENOSPC, EDQUOT}) {
    auto const error = from_errno("cannot make /a/b", why);
    CHECK(error.kind == ErrorKind::unavailable);
    CHECK(error.code == "disk_full");
    CHECK(error.message == "cannot make /a/b: the disk is full; free some space");
  }
  CHECK(from_errno("cannot make /a/b", EACCES).code == "system_error");
}
