// Who serves a unix socket. A program of ours obeys nobody but its own user and root: a socket in a folder that others
// write to may be anybody's.
#pragma once
#include "base/error.hpp"

#include <filesystem>
#include <sys/types.h>

namespace ar {

/// Of a connected socket, which `socket` is the path of. Error: foreign_server.
Result<void> check_peer(int fd, std::filesystem::path const& socket);
/// Connects just to see; for a socket that another program is going to use. Errors: foreign_server, no_server.
Result<void> check_server(std::filesystem::path const& socket);
/// What check_peer says of a server of that user.
Result<void> check_peer_user(uid_t user, std::filesystem::path const& socket);

}  // namespace ar
