#include "daemon/api/runtime_api.hpp"

#include <utility>

namespace ar::daemon {
namespace {

constexpr std::int64_t kUsualGraceMs = 30'000, kLongestGraceMs = 300'000;
constexpr std::size_t kLongestReason = 256;  ///< every message that waits shows it

}  // namespace

awaitable<Result<json>> RuntimeApi::runtime() { co_return co_await with_snapshots(pause_.shown()); }

awaitable<Result<json>> RuntimeApi::with_snapshots(json shown) {
  auto const count = co_await snapshots_.count();
  if (!count) co_return count.error();
  shown["snapshots"] = *count;
  co_return ok(std::move(shown));
}

awaitable<Result<std::int64_t>> RuntimeApi::pause(json request) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  FieldReader in(request);
  auto const grace = milliseconds(in.integer("timeoutMs", kUsualGraceMs, 1, kLongestGraceMs));
  bool const force = in.boolean("force");
  auto reason = in.string("reason");
  if (reason.size() > kLongestReason) in.fail("reason", "a reason has at most 256 bytes");
  if (auto error = in.finish()) co_return *error;
  co_return co_await pause_.begin(grace, force, std::move(reason));
}

awaitable<Result<json>> RuntimeApi::wait_paused(std::int64_t pause) {
  co_return ok(co_await pause_.wait_until_over(pause));
}

awaitable<Result<json>> RuntimeApi::resume() {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto resumed = co_await pause_.resume();
  if (!resumed) co_return resumed.error();
  co_return co_await with_snapshots(std::move(*resumed));
}

awaitable<Result<json>> RuntimeApi::recovery() {
  if (recovery_.report().is_null())
    co_return not_found("no_recovery",
                        "there was no cold start yet: at each start of the daemon some agent's process had lived on");
  co_return ok(recovery_.report());
}

}  // namespace ar::daemon
