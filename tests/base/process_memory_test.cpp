// What a program's memory is taken for: everything that runs because of it, whoever of it started that.
#include "base/process/process_memory.hpp"

#include "support/patience.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstring>
#include <functional>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace ar;

namespace {

/// More than the test's own processes have beside it, which a sanitizer makes large.
constexpr std::int64_t kMuch = (test::kSanitized ? 512 : 64) << 20;

/// Uses so much memory, says so, and stays until it is killed, or this process ends.
[[noreturn]] void hold_much(int ready) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  void* const memory = ::mmap(nullptr, kMuch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) std::memset(memory, 1, kMuch);
  (void)!::write(ready, "x", 1);
  for (;;) ::pause();
}

/// A process that does `body` with the pipe's end; `until` it has been heard of.
class Child {
 public:
  explicit Child(std::function<void(int ready)> const& body) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      body(ends[1]);
      for (;;) ::pause();
    }
    ::close(ends[1]);
    char word = 0;
    REQUIRE(::read(ends[0], &word, 1) == 1);
    ::close(ends[0]);
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Child(Child const&) = delete;
  Child& operator=(Child const&) = delete;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

/// Starts one that holds much, and lives on with its end.
void start_one(int ready) {
  if (pid_t const child = ::fork(); child == 0) hold_much(ready);
}

}  // namespace

TEST_CASE("MemoryOfWhatASecondThreadHasStartedCounts") {
  Child const program([](int ready) {
    std::thread second([ready] {
      start_one(ready);
      for (;;) ::pause();
    });
    second.join();
  });
  ProcessMemory memory;
  CHECK_FALSE(memory.is_fresh());
  memory.take(all_processes());
  CHECK(memory.is_fresh());
  CHECK(memory.of(program.pid(), 0).memory_bytes >= kMuch);
  CHECK(memory.of(program.pid(), 0).tasks >= 1);
  CHECK(memory.of(program.pid(), 0).memory_bytes < 4 * kMuch);
}

TEST_CASE("MemoryOfWhatHasLeftTheProgramsTreeCountsByItsMark") {
  constexpr ProcessMark kMark = 812'345'678;
  int lives[2];
  REQUIRE(::pipe(lives) == 0);
  Child const program([&](int ready) {
    rlimit64 limit{};
    ::getrlimit64(RLIMIT_LOCKS, &limit);
    limit.rlim_cur = kMark;
    ::setrlimit64(RLIMIT_LOCKS, &limit);
    if (::fork() != 0) return;
    ::setsid();
    if (::fork() != 0) ::_exit(0);  // the parent of what follows ends: it is nobody's child that we know
    ::close(lives[1]);
    if (::fork() == 0) hold_much(ready);
    char word = 0;
    (void)!::read(lives[0], &word, 1);  // until the test ends
    ::_exit(0);
  });
  ProcessMemory memory;
  CHECK_FALSE(memory.is_fresh());
  memory.take(all_processes());
  CHECK(memory.is_fresh());
  CHECK(memory.of(program.pid(), kMark).memory_bytes >= kMuch);
  ProcessMemory without_mark;
  CHECK_FALSE(without_mark.is_fresh());
  without_mark.take(all_processes());
  CHECK(without_mark.is_fresh());
  CHECK(without_mark.of(program.pid(), 0).memory_bytes < kMuch);
  ::close(lives[1]);
  ::close(lives[0]);
}

TEST_CASE("AProgramThatIsNotThereUsesNothing") {
  ProcessMemory memory;
  CHECK_FALSE(memory.is_fresh());
  memory.take(all_processes());
  CHECK(memory.is_fresh());
  CHECK(memory.of(0, 0).memory_bytes == 0);
  CHECK(memory.of(0, 812'345'679).memory_bytes == 0);
}
