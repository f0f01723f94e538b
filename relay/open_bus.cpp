#include "relay/open_bus.hpp"

#include "relay/nats/nats_bus.hpp"
#include "relay/remote/remote_bus.hpp"

#include <unistd.h>

namespace ar::relay {
namespace {

Result<OpenedBus> open_embedded(Executor executor, BusConfig const& config) {
  auto bus = EmbeddedBus::open(std::move(executor), config.database, config.limits, config.on_death);
  if (!bus) return bus.error();
  auto* const embedded = bus->get();
  return OpenedBus{std::move(*bus), embedded};
}

Result<OpenedBus> open_remote(Executor executor, BusConfig const& config) {
  RemoteConfig remote;
  remote.url = config.url;
  remote.token_file = config.token_file;
  remote.ca_file = config.ca_file;
  remote.instance_id = config.instance_id;
  remote.machine = machine_name();
  remote.limits = config.limits;
  remote.on_death = config.on_death;
  auto bus = RemoteBus::open(std::move(executor), std::move(remote));
  if (!bus) return bus.error();
  return OpenedBus{std::move(*bus)};
}

Result<OpenedBus> open_nats(Executor executor, BusConfig const& config) {
  auto bus = NatsBus::open(std::move(executor), config.nats, config.limits, config.on_death);
  if (!bus) return bus.error();
  return OpenedBus{std::move(*bus)};
}

}  // namespace

std::string machine_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? std::string(name) : std::string("unknown");
}

Result<OpenedBus> open_bus(Executor executor, BusConfig const& config) {
  if (config.kind == "remote") return open_remote(std::move(executor), config);
  if (config.kind == "nats") return open_nats(std::move(executor), config);
  return open_embedded(std::move(executor), config);
}

}  // namespace ar::relay
