#include "adapters/claude/session.hpp"

namespace ar::adapters::claude {
namespace {

/// A retry waits for seconds, and the first ones are of no interest to people.
constexpr auto kLook = milliseconds(3'000);

}  // namespace

/// No hook tells of it and no line of the record: the screen does.
awaitable<void> ClaudeSession::watch_retries(std::uint64_t turn) {
  auto const runs = [this, turn] { return turn_running_ && turn == turns_ && !ended_ && ctx_.terminal->alive(); };
  std::optional<Retrying> told;
  while (runs()) {
    for (auto const due = Clock::now() + kLook; runs() && Clock::now() < due;) co_await changed_.wait(due);
    if (!runs() || !waiting_.empty()) continue;
    auto const screen = co_await ctx_.terminal->capture();
    if (!screen || screen->copy_mode || !runs()) continue;
    auto shown = retry_on(*screen);
    bool const is_news = shown ? !told || told->attempt != shown->attempt : told.has_value();
    if (is_news) emit(shown ? *shown : Retrying());
    told = std::move(shown);
  }
}

}  // namespace ar::adapters::claude
