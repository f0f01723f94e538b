#include "daemon/config/bus_config.hpp"

namespace ar::daemon {
namespace {

relay::NatsOptions nats_options(Config const& config) {
  relay::NatsOptions nats;
  nats.url = config.relay_url;
  nats.user = config.relay_user;
  nats.password_file = config.relay_password_file;
  nats.token_file = config.relay_token_file;
  nats.nkey = config.relay_nkey;
  nats.nkey_seed_file = config.relay_nkey_seed_file;
  nats.credentials_file = config.relay_credentials_file;
  nats.tls = config.relay_tls;
  nats.tls_ca = config.relay_ca_file;
  nats.tls_certificate = config.relay_tls_cert;
  nats.tls_key = config.relay_tls_key;
  nats.prefix = config.relay_prefix;
  nats.replicas = static_cast<int>(config.relay_replicas);
  nats.max_bytes = config.relay_max_bytes;
  return nats;
}

}  // namespace

relay::BusConfig bus_config(Config const& config, Paths const& paths, std::string instance_id) {
  relay::BusConfig bus;
  bus.kind = config.relay_kind;
  bus.limits = config.relay;
  bus.database = paths.state_dir / "relay" / "relay.db";
  bus.url = config.relay_url;
  bus.token_file = config.relay_token_file;
  bus.ca_file = config.relay_ca_file;
  bus.nats = nats_options(config);
  bus.instance_id = std::move(instance_id);
  return bus;
}

}  // namespace ar::daemon
