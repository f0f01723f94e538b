// Makes what the bus needs on the server, once. What exists with other settings is left as it is and named.
#pragma once
#include "relay/nats/jetstream.hpp"
#include "relay/nats/names.hpp"

namespace ar::relay::nats {

/// The names of the streams it made. Error `nats_settings`: streams that exist and differ, with each difference.
awaitable<Result<std::vector<std::string>>> set_up(JetStream& js, Names const& names, NatsOptions const& options);

}  // namespace ar::relay::nats
