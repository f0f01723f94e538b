// Looking up what addresses a host's name stands for.
//
// Not by Asio's resolver: it has one thread, which nobody can call back. A name server that does not answer would hold
// up all other lookups, every deadline of who waits for one, and the end of the program.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"

#include <boost/asio/ip/address.hpp>

#include <string>
#include <vector>

namespace ar::http {

/// As the system finds them (hosts file, name server, ...); an address stands for itself. Who is cancelled waits no
/// longer: the system goes on in a thread of its own, and touches nothing of ours but what it was given for itself.
/// Error: server_unreachable.
awaitable<Result<std::vector<net::ip::address>>> addresses_of(std::string host);

}  // namespace ar::http
