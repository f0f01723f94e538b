// Takes a snapshot: of the journal as it is at one moment, of the bus what the agents have not read by then, and of the
// providers' records what they hold a little later. The runtime goes on meanwhile.
#pragma once
#include "base/async.hpp"
#include "base/worker.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/services.hpp"
#include "daemon/snapshot/row_writer.hpp"

#include <filesystem>

namespace ar::daemon {

/// Writes `folder`/snapshot.json, which is whole when this returns; the folder is the caller's, and empty. `head`: the
/// document without its sections. Errors: as RowWriter::finish, and the bus's.
awaitable<Result<RowWriter::Written>> take_snapshot(Services& services, Supervisor const& supervisor, Worker& files,
                                                    std::filesystem::path folder, json head, bool history);

}  // namespace ar::daemon
