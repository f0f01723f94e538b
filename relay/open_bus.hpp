// Which bus: the one place that knows every implementation.
#pragma once
#include "relay/embedded/embedded_bus.hpp"
#include "relay/nats/nats_options.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace ar::relay {

struct BusConfig {
  std::string kind = "embedded";  ///< embedded, remote, nats
  BusLimits limits{};
  std::filesystem::path database;  ///< embedded
  std::string url{};               ///< remote
  std::filesystem::path token_file{};
  std::filesystem::path ca_file{};
  NatsOptions nats{};
  std::string instance_id{};      ///< this start of the daemon
  TaskGroup::OnDeath on_death{};  ///< the bus does not do all of its work any more
};

struct OpenedBus {
  std::unique_ptr<Bus> bus;
  EmbeddedBus* embedded = nullptr;  ///< the same, if it is that one: it can be served to others
};

/// Errors: what the configuration or the database says. A bus that is away is none.
Result<OpenedBus> open_bus(Executor executor, BusConfig const& config);
/// How this machine calls itself on the bus.
std::string machine_name();

}  // namespace ar::relay
