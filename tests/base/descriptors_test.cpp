#include "base/descriptors.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ar;

TEST_CASE("OpenFilesAreCounted") {
  auto const before = descriptors_of(::getpid());
  REQUIRE(before.has_value());
  int const fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK(descriptors_of(::getpid())->open == before->open + 1);
  ::close(fd);
  CHECK(descriptors_of(::getpid())->open == before->open);
  CHECK_FALSE(descriptors_of(0x7fffffff).has_value());
}

TEST_CASE("TheLimitIsRaisedAndWhatItWasIsKept") {
  pid_t const child = ::fork();
  if (child == 0) {  // whose limits are its own
    rlimit const limit{100, 200};
    bool good = ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && inherited_descriptor_limit() == 100;
    raise_descriptor_limit();
    good = good && descriptors_of(::getpid())->limit == 200 && inherited_descriptor_limit() == 100;
    raise_descriptor_limit();
    ::_exit(good && inherited_descriptor_limit() == 100 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("TheTableOfFilesIsMadeLargeBeforeItIsFull") {
  pid_t const child = ::fork();
  if (child == 0) {  // its table is as small as what it has open
    auto const size = [] {
      std::ifstream status("/proc/self/status");
      for (std::string word; status >> word;)
        if (word == "FDSize:") return status >> word ? std::stoi(word) : -1;
      return -1;
    };
    raise_descriptor_limit();
    auto const before = descriptors_of(::getpid());
    bool good = size() < 512;
    make_room_for_descriptors();
    good = good && size() >= 1024 && descriptors_of(::getpid())->open == before->open;
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
