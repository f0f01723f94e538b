// Preloaded into a program: its wall clock is an hour ahead, its monotonic clock is as it was.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  auto const failed = ::syscall(SYS_clock_gettime, clock, time);
  if (failed == 0 && clock == CLOCK_REALTIME) time->tv_sec += 3600;
  return static_cast<int>(failed);
}
