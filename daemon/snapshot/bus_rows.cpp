#include "daemon/snapshot/bus_rows.hpp"

#include "base/base64.hpp"
#include "base/ids.hpp"
#include "daemon/snapshot/file_job.hpp"
#include "relay/message_json.hpp"

#include <string_view>
#include <utility>

namespace ar::daemon {
namespace {

constexpr int kAtOnce = 100;
constexpr std::size_t kPiece = 192 << 10;
constexpr char kAttachmentOwner[] = "attachment:";

}  // namespace

std::string owner_of_attachment(std::string const& id) { return kAttachmentOwner + id; }
bool owns_attachment(std::string_view owner) { return owner.starts_with(kAttachmentOwner); }

Result<std::string> owner_of_attachment_row(json const& row) {
  auto const id = row.at("attachment").get<std::string>();
  (void)row.at("name").get<std::string>();
  (void)row.at("mediaType").get<std::string>();
  auto const data = base64_decode(row.at("data").get<std::string>());
  if (!is_safe_name(id) || !data || sha256_hex(*data) != row.at("sha256").get<std::string>())
    return invalid("", "a piece of an attachment is damaged");
  return owner_of_attachment(id);
}

awaitable<Result<void>> BusRows::add_unread(Identity who) {
  for (MessageId after = 0;;) {
    auto unread = co_await bus_.unread(who, kAtOnce, after);
    if (!unread) co_return unread.error();
    if (unread->empty()) co_return Result<void>();
    after = unread->back().id;
    for (auto& message : *unread)
      if (auto added = co_await add_message(who.agent_id, std::move(message)); !added) co_return added.error();
  }
}

awaitable<Result<void>> BusRows::add(std::string agent, std::vector<MessageId> messages) {
  for (auto const id : messages) {
    if (added_[agent].contains(id)) continue;
    auto message = co_await bus_.message(id);
    if (!message && message.error().kind == ErrorKind::not_found) continue;
    if (!message) co_return message.error();
    if (auto added = co_await add_message(agent, std::move(*message)); !added) co_return added.error();
  }
  co_return Result<void>();
}

awaitable<Result<void>> BusRows::add_message(std::string const& agent, Message message) {
  added_[agent].insert(message.id);
  std::vector<std::string> rows;
  if (auto const task = message.task_id()) {
    auto const known = co_await bus_.task(*task);
    if (known)
      rows.push_back(to_text(json{{"agent", agent}, {"kind", kTaskRow}, {"task", relay::to_json(*known)}}));
    else if (known.error().kind != ErrorKind::not_found)
      co_return known.error();
  }
  for (auto const& attachment : message.attachments)
    if (attachments_.insert(attachment.id).second)
      if (auto added = co_await add_attachment(attachment); !added) co_return added.error();
  message.read_by.clear();
  rows.push_back(to_text(json{{"agent", agent}, {"kind", kMessageRow}, {"message", relay::to_json(message)}}));
  co_return co_await spool(agent, std::move(rows));
}

awaitable<Result<void>> BusRows::add_attachment(Attachment attachment) {
  auto bytes = co_await bus_.attachment_bytes(attachment.id);
  if (!bytes && bytes.error().kind == ErrorKind::not_found) co_return Result<void>();
  if (!bytes) co_return bytes.error();
  auto job = [spool = spool_, attachment = std::move(attachment), bytes = std::move(*bytes)]() -> Result<void> {
    for (std::size_t offset = 0; offset == 0 || offset < bytes.size(); offset += kPiece) {
      auto const piece = std::string_view(bytes).substr(offset, kPiece);
      spool->add("queue", {},
                 to_text(json{{"kind", kAttachmentRow},
                              {"attachment", attachment.id},
                              {"name", attachment.name},
                              {"mediaType", attachment.media_type},
                              {"data", base64_encode(piece)},
                              {"sha256", sha256_hex(piece)}}));
    }
    return {};
  };
  co_return co_await file_job(files_, std::move(job));
}

awaitable<Result<void>> BusRows::spool(std::string owner, std::vector<std::string> rows) {
  auto job = [spool = spool_, owner = std::move(owner), rows = std::move(rows)]() -> Result<void> {
    for (auto const& row : rows) spool->add("queue", owner, row);
    return {};
  };
  co_return co_await file_job(files_, std::move(job));
}

}  // namespace ar::daemon
