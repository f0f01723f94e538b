#include "relay/remote/own_token.hpp"

#include "base/paths.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::relay::remote {
namespace {
using namespace std::chrono_literals;
constexpr milliseconds kSoonest = 1s, kRetry = 60s, kLongestSleep = 1h;
}  // namespace

WallTime renewal_due(WallTime now, WallTime end, double random) {
  auto const lead = std::clamp<milliseconds>((end - now) / 5, 60s, 1h);
  auto const most = std::min<milliseconds>(30s, lead / 2);
  auto const due = end - lead - milliseconds(static_cast<std::int64_t>(random * static_cast<double>(most.count())));
  return std::max(due, now + kSoonest);
}

OwnToken::OwnToken(Executor executor, std::filesystem::path file, Random random, Actions actions)
    : file_(std::move(file)),
      random_(std::move(random)),
      actions_(std::move(actions)),
      watch_(executor),
      changed_(executor) {}

Result<void> OwnToken::read() {
  auto const text = read_file(file_, 4096);
  if (!text) return text.error();
  auto secret = text->substr(0, text->find_first_of(" \r\n"));
  // It goes into a header: nothing else may hide in it.
  if (secret.empty() || !std::ranges::all_of(secret, [](char c) { return c > 0x20 && c < 0x7f; }))
    return invalid("token_file", file_.string() + " holds no token; `agent-runner relay token issue` makes one");
  if (secret != secret_) unwritten_ = false;  // somebody has put another one there: that one counts
  secret_ = std::move(secret);
  return {};
}

json OwnToken::shown() const {
  if (!info_) return nullptr;
  json shown = {{"jti", info_->jti}, {"profile", info_->profile}};
  if (info_->expires_at) shown["expiresAt"] = to_iso8601(*info_->expires_at);
  return shown;
}

void OwnToken::connected() {
  asked_ = false;
  changed_.notify_all();
}

awaitable<void> OwnToken::keep_fresh() {
  double const jitter = random_();
  WallTime due{};
  for (;;) {
    if (unwritten_) {
      // Seldom enough to wait for it here: once in a token's life.
      auto const written = write_file_to_disk(file_, secret_ + "\n");
      unwritten_ = !written;
      if (!written) {
        complain(written.error());
        (void)co_await changed_.wait(Clock::now() + kRetry);
        continue;
      }
    }
    if (!std::exchange(asked_, true)) {
      auto info = co_await actions_.ask();
      if (!info) {
        asked_ = false;
        (void)co_await changed_.wait(Clock::now() + kRetry);
        continue;
      }
      info_ = std::move(*info);
      if (info_->expires_at) due = renewal_due(wall_now(), *info_->expires_at, jitter);
    }
    bool const renewable =
        info_->expires_at && (info_->profile == "provider-agent" || info_->profile == "provider-interactive");
    if (!renewable) {
      (void)co_await changed_.wait();
      continue;
    }
    if (auto const left = due - wall_now(); left > 0ms) {
      // A long sleep would not notice that the clock was set.
      (void)co_await changed_.wait(Clock::now() + std::clamp<milliseconds>(left, kSoonest, kLongestSleep));
      continue;
    }
    auto renewed = co_await actions_.renew();
    if (!renewed) {
      complain(renewed.error());
      (void)co_await changed_.wait(Clock::now() + kRetry);
      continue;
    }
    secret_ = renewed->token;
    unwritten_ = true;
    info_ = renewed->info;
    if (info_->expires_at) due = renewal_due(wall_now(), *info_->expires_at, jitter);
    spdlog::info("relay: runtime-token-renewed, now {}", info_->jti);
    actions_.changed();
  }
}

void OwnToken::complain(Error const& error) {
  if (gate_.should_log("renewal", error.code)) spdlog::warn("relay: runtime-token-renewal-failed: {}", error.message);
}

awaitable<void> OwnToken::follow_file() {
  if (auto const watched = watch_.add(std::filesystem::absolute(file_).parent_path()); !watched) {
    spdlog::warn("relay: a new token will need a restart: {}", watched.error().message);
    co_return;
  }
  while (!watch_.broken()) {
    auto const changes = co_await watch_.next();
    if (!changes.everything && !changes.names.contains(file_.filename().string())) continue;
    auto const before = secret_;
    auto const got = read();
    if (!got || secret_ == before) continue;
    info_.reset();
    asked_ = false;
    changed_.notify_all();
    actions_.changed();
  }
}

}  // namespace ar::relay::remote
