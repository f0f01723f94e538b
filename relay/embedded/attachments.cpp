#include "relay/embedded/attachments.hpp"

#include "base/ids.hpp"
#include "base/paths.hpp"
#include "relay/embedded/query.hpp"
#include "relay/message_rules.hpp"

namespace fs = std::filesystem;

namespace ar::relay::embedded {
namespace {

Error unknown_attachment(std::string const& id) {
  return not_found("unknown_attachment", "there is no attachment \"" + id.substr(0, 80) + "\"; upload it first");
}

bool is_known(Database& db, std::string const& id) {
  return Query(db, "SELECT 1 FROM attachments WHERE id = ?1", id).step();
}
bool is_whole(fs::path const& file, std::size_t size) {
  std::error_code ec;
  return fs::file_size(file, ec) == size && !ec;
}

}  // namespace

Result<Attachment> put_attachment(Database& db, fs::path const& folder, BusLimits const& limits, Moment now,
                                  std::string const& name, std::string const& media_type, std::string const& bytes) {
  auto good = check_attachment(name, media_type, bytes.size(), limits);
  if (!good) return good.error();
  Attachment const attachment{sha256_hex(bytes), std::move(*good), static_cast<std::int64_t>(bytes.size()), media_type};
  auto const file = folder / attachment.id;
  bool const known = is_known(db, attachment.id);
  if (!known || !is_whole(file, bytes.size())) {
    // The file first: a row promises its file.
    if (auto const made = make_private_dir(folder); !made) return made.error();
    if (auto const written = write_file_to_disk(file, bytes); !written) return written.error();
  }
  try {
    // Bytes put again are news: they are kept for another retention time, under the new name.
    run(db,
        "INSERT INTO attachments(id, name, media_type, size, stored_at) VALUES(?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT DO UPDATE SET name = ?2, media_type = ?3, stored_at = ?5",
        attachment.id, attachment.name, attachment.media_type, attachment.size, to_millis(now.wall));
  } catch (SqliteError const&) {
    if (!known) remove_files(folder, {attachment.id});
    throw;
  }
  return attachment;
}

Result<std::string> attachment_bytes(Database& db, fs::path const& folder, std::string const& id) {
  std::int64_t size = 0;
  {
    Query row(db, "SELECT size FROM attachments WHERE id = ?1", id);
    if (!row.step()) return unknown_attachment(id);
    size = row.integer(0);
  }
  auto bytes = read_file(folder / id, static_cast<std::size_t>(size));
  bool const gone = !bytes && (bytes.error().code == "file_not_found" || bytes.error().code == "too_large");
  if (!bytes && !gone) return bytes.error();
  if (gone || sha256_hex(*bytes) != id)
    return internal("attachment_damaged",
                    "the file of attachment " + id + " is gone or changed on the disk; upload it again");
  return bytes;
}

std::vector<std::string> forget_old_attachments(Database& db, BusLimits const& limits, Moment now) {
  std::vector<std::string> ids;
  {
    Query row(db,
              "SELECT id FROM attachments WHERE stored_at <= ?1"
              " AND NOT EXISTS(SELECT 1 FROM message_attachments WHERE attachment_id = attachments.id) LIMIT 100",
              to_millis(now.wall - limits.retention));
    while (row.step()) ids.push_back(row.text(0));
  }
  for (auto const& id : ids) run(db, "DELETE FROM attachments WHERE id = ?1", id);
  return ids;
}

std::optional<WallTime> oldest_young_attachment(Database& db, BusLimits const& limits, Moment now) {
  Query row(db, "SELECT min(stored_at) FROM attachments WHERE stored_at > ?1", to_millis(now.wall - limits.retention));
  if (!row.step()) return std::nullopt;
  return row.maybe_time(0);
}

void remove_files(fs::path const& folder, std::vector<std::string> const& ids) {
  std::error_code ignored;  // one that stays behind is swept away at the next opening
  for (auto const& id : ids) fs::remove(folder / id, ignored);
}

void sweep_folder(Database& db, fs::path const& folder) {
  std::error_code ec;
  std::vector<std::string> leftovers;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    auto const name = it->path().filename().string();
    if (!is_known(db, name)) leftovers.push_back(name);
  }
  remove_files(folder, leftovers);
}

}  // namespace ar::relay::embedded
