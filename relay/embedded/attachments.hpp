// Attached bytes: files named by their SHA-256 (0600) in a folder of their own, known to the database. A file
// without a row is a leftover of a crash and is swept away; a row without its file cannot come about. As
// messages.hpp.
#pragma once
#include "relay/bus.hpp"
#include "relay/embedded/moment.hpp"

#include <filesystem>

namespace ar {
class Database;
}

namespace ar::relay::embedded {

Result<Attachment> put_attachment(Database& db, std::filesystem::path const& folder, BusLimits const& limits,
                                  Moment now, std::string const& name, std::string const& media_type,
                                  std::string const& bytes);
Result<std::string> attachment_bytes(Database& db, std::filesystem::path const& folder, std::string const& id);

/// Inside a transaction of the caller's: forgets those that no message needs and nobody has put within the
/// retention time, and names them, so that their files can go after the commit.
std::vector<std::string> forget_old_attachments(Database& db, BusLimits const& limits, Moment now);
/// When the oldest of those that are younger than the retention time was put.
std::optional<WallTime> oldest_young_attachment(Database& db, BusLimits const& limits, Moment now);
void remove_files(std::filesystem::path const& folder, std::vector<std::string> const& ids);
/// Removes files that the database does not know.
void sweep_folder(Database& db, std::filesystem::path const& folder);

}  // namespace ar::relay::embedded
