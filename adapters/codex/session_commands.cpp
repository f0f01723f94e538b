// What people want of a thread besides messages: interrupt, compact, clear, end, and whether it may end.
#include "adapters/codex/protocol.hpp"
#include "adapters/codex/session.hpp"

#include <csignal>

namespace ar::adapters::codex {
namespace {

using std::chrono::seconds;
constexpr auto kCommandPatience = seconds(15);
constexpr auto kCleaningPatience = seconds(2);

Error not_connected() {
  return unavailable("not_ready", "there is no connection to Codex's app server now; try again");
}

}  // namespace

awaitable<Result<void>> CodexSession::interrupt() {
  auto const connection = connection_;
  if (!connection) co_return not_connected();
  auto const turn = turn_;
  if (turn.empty()) co_return conflict("nothing_running", "no turn is running");
  json params{{"threadId", thread_}, {"turnId", turn}};
  auto const asked = co_await connection->call("turn/interrupt", std::move(params));
  if (!asked && !turn_is_over(turn)) co_return asked.error();
  std::function<bool()> const over = [this, turn] { return turn_is_over(turn) || ended_; };
  auto const stopped = co_await wait_for(over, kCommandPatience);
  if (!stopped) co_return timed_out("Codex did not stop its turn; look at its screen, or restart the agent");
  co_return Result<void>();
}

awaitable<Result<void>> CodexSession::compact() {
  auto const lock = co_await sending_.lock();
  // Asked of a busy thread it would interrupt the turn.
  if (auto const reason = block_reason(false); !reason.empty())
    co_return conflict("not_ready", "cannot compact now: " + reason);
  auto const before = compactions_;
  json params{{"threadId", thread_}};
  auto const asked = co_await connection_->call("thread/compact/start", std::move(params));
  if (!asked) co_return asked.error();
  std::function<bool()> const begun = [this, before] { return compactions_ != before || ended_; };
  auto const started = co_await wait_for(begun, kCommandPatience);
  if (!started) co_return timed_out("Codex did not begin to compact");
  co_return Result<void>();
}

awaitable<Result<void>> CodexSession::clear() {
  auto const lock = co_await sending_.lock();
  if (auto const reason = block_reason(false); !reason.empty())
    co_return conflict("not_ready", "cannot clear now: " + reason);
  auto started = co_await start_thread(true);
  if (!started) co_return started.error();
  co_return Result<void>();
}

awaitable<std::string> CodexSession::running_work() {
  auto const connection = connection_;
  if (!connection || !ready_ || !turn_.empty()) co_return block_reason(false);
  json which{{"threadId", thread_}};
  auto const read = co_await connection->call("thread/read", which);
  if (!read) co_return "what Codex does not tell (" + read.error().message + ")";
  if (thread_status(object_at(object_at(*read, "thread"), "status")).active) co_return "a turn";
  auto const listed = co_await connection->call("thread/backgroundTerminals/list", std::move(which));
  if (!listed && listed.error().code != "codex_error")  // a version may not know the question
    co_return "what Codex does not tell (" + listed.error().message + ")";
  auto const commands = listed && listed->is_object() ? listed->value("data", json::array()) : json::array();
  if (commands.empty()) co_return block_reason(false);
  co_return "a command in the background: " + one_line(text_at(commands.front(), {"command"}));
}

awaitable<Result<void>> CodexSession::quit() {
  if (!ctx_.terminal->alive()) co_return Result<void>();
  quitting_ = true;
  announce_gate();
  if (auto const connection = connection_; connection && turn_.empty()) {
    // Commands that run on behind the thread would outlive it.
    json params{{"threadId", thread_}};
    (void)co_await connection->call("thread/backgroundTerminals/clean", std::move(params), kCleaningPatience);
  }
  // SIGTERM lets a running turn end first, and a second one does not; the caller's patience decides which.
  // While a person is asked something the turn would never end.
  int const signal = waiting_.empty() ? SIGTERM : SIGHUP;
  ctx_.terminal->signal(signal);
  co_return Result<void>();
}

}  // namespace ar::adapters::codex
