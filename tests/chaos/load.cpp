#include "chaos/load.hpp"

#include "chaos/body.hpp"

namespace ar::chaos {
using namespace std::chrono_literals;
namespace {
constexpr int kSenders = 3;
constexpr auto kPause = 60ms;  ///< of one sender between two messages, in the mean
}  // namespace

Load::Load(Lab const& lab, Provider const& provider, std::vector<std::string> agents, std::uint64_t seed)
    : lab_(lab), provider_(provider), agents_(std::move(agents)), seed_(seed) {}

void Load::start() {
  for (int i = 0; i < kSenders; ++i)
    threads_.emplace_back([this, i] { run(seed_ * 1000 + static_cast<std::uint64_t>(i)); });
}

void Load::poke() {
  std::lock_guard const lock(mutex_);
  ++pokes_;
  poked_.notify_one();
}

void Load::stop() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
    poked_.notify_all();
  }
  for (auto& thread : threads_)
    if (thread.joinable()) thread.join();
}

/// True: send one; false: it is over.
bool Load::wait_for_turn(std::mt19937_64& random) {
  std::unique_lock lock(mutex_);
  auto const pause = std::chrono::milliseconds(random() % (2 * kPause.count()));
  poked_.wait_for(lock, pause, [&] { return stopping_ || pokes_ > 0; });
  if (pokes_ > 0) --pokes_;
  return !stopping_;
}

bool Load::too_many_wait() {
  auto const answer = lab_.api().request("GET", "/v1/agents");
  if (!answer || !answer->good()) return false;
  int waiting = 0;
  for (auto const& agent : answer->body.value("agents", json::array())) waiting += agent.value("queue", 0);
  return waiting > provider_.backlog();
}

void Load::run(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  while (wait_for_turn(random)) {
    if (too_many_wait()) continue;
    bool const claimable = agents_.size() > 1 && random() % 4 == 0;
    auto message =
        next_message(claimable ? std::string("tag:") + kSharedTag : agents_[random() % agents_.size()], claimable);
    auto const body = provider_.body(message.serial, random);
    (void)send(std::move(message), body);
  }
}

SentMessage Load::next_message(std::string to, bool claimable) {
  SentMessage message;
  message.serial = ++serials_;
  message.to = std::move(to);
  message.claimable = claimable;
  return message;
}

std::int64_t Load::send(SentMessage message, std::string const& body) {
  message.body_hash = hash_of(body);
  json request = {{"to", message.to},
                  {"from", "chaos"},
                  {"body", body},
                  {"idempotencyKey", "chaos-" + std::to_string(message.serial)}};
  if (message.claimable) request["claimable"] = true;
  // Once begun it is seen through: nobody knows whether the bus has it already.
  for (;; ++repeated_) {
    auto const answer = lab_.api().request("POST", "/v1/messages", request, 5s);
    if (answer && answer->good()) {
      message.id = answer->body.value("id", std::int64_t{0});
      std::lock_guard const lock(mutex_);
      sent_.push_back(message);
      return message.id;
    }
    // Out of room, or starting or ending: try again. Anything else is an answer that no sender should get.
    if (answer && answer->status < 500) {
      std::lock_guard const lock(mutex_);
      refused_.push_back("serial " + std::to_string(message.serial) + ": " + answer->problem());
      return 0;
    }
    std::this_thread::sleep_for(10ms);
  }
}

std::vector<SentMessage> Load::sent() const {
  std::lock_guard const lock(mutex_);
  return sent_;
}

std::vector<std::string> Load::refused() const {
  std::lock_guard const lock(mutex_);
  return refused_;
}

}  // namespace ar::chaos
