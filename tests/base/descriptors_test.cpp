#include "base/descriptors.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
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
