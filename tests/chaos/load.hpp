// The senders: messages to agents and to the tag that they share, each repeated under its idempotency key
// until the bus has answered for it.
#pragma once
#include "chaos/lab.hpp"
#include "chaos/provider.hpp"
#include "chaos/tally.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace ar::chaos {

class Load {
 public:
  Load(Lab const& lab, Provider const& provider, std::vector<std::string> agents, std::uint64_t seed);
  ~Load() { stop(); }

  void start();
  /// Makes a sender send at once: for the kill that is to come in the midst of it.
  void poke();
  /// Returns when no sender is under way: everything begun is on the bus. The daemon has to be up.
  void stop();

  /// Sends one by itself; returns its id, or 0 when senders are being stopped.
  std::int64_t send(SentMessage message, std::string const& body);
  SentMessage next_message(std::string to, bool claimable);

  std::vector<SentMessage> sent() const;
  /// Sends that the bus refused for good: none should.
  std::vector<std::string> refused() const;
  std::uint64_t repeated() const { return repeated_; }

 private:
  void run(std::uint64_t seed);
  bool wait_for_turn(std::mt19937_64& random);
  bool too_many_wait();

  Lab const& lab_;
  Provider const& provider_;
  std::vector<std::string> const agents_;
  std::uint64_t const seed_;
  std::atomic<std::int64_t> serials_{0};
  std::atomic<std::uint64_t> repeated_{0};
  mutable std::mutex mutex_;
  std::condition_variable poked_;
  int pokes_ = 0;
  bool stopping_ = false;
  std::vector<SentMessage> sent_;
  std::vector<std::string> refused_;
  std::vector<std::thread> threads_;
};

}  // namespace ar::chaos
