// What of the agents only the bus has, as rows of the section `queue`: the messages that they have not read, with the
// tasks that these carry and their attachments.
//
//   {agent, kind: "message", message}         {agent, kind: "task", task}
//   {kind: "attachment", attachment, name, mediaType, data, sha256}: in pieces, in their order; no agent's
//   {agent, kind: "delivery", store, delivery}, {agent, kind: "word", key, word}: the journal's
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/worker.hpp"
#include "daemon/snapshot/row_spool.hpp"
#include "relay/bus.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ar::daemon {

inline constexpr char kMessageRow[] = "message", kTaskRow[] = "task", kAttachmentRow[] = "attachment",
                      kDeliveryRow[] = "delivery", kWordRow[] = "word";
inline std::string kind_of(json const& row) { return row.at("kind").get<std::string>(); }

/// Under which owner an attachment's pieces are found; no agent has such a name.
std::string owner_of_attachment(std::string const& id);
bool owns_attachment(std::string_view owner);
/// Errors: it is no such row, or damaged.
Result<std::string> owner_of_attachment_row(json const& row);

/// Brings rows from the bus to a spool. io thread.
class BusRows {
 public:
  BusRows(relay::Bus& bus, Worker& files, std::shared_ptr<RowSpool> spool)
      : bus_(bus), files_(files), spool_(std::move(spool)) {}

  /// All that the agent has not read.
  awaitable<Result<void>> add_unread(Identity who);
  /// Those of these messages that are not there yet; what the bus has lost is left out.
  awaitable<Result<void>> add(std::string agent, std::vector<MessageId> messages);

 private:
  awaitable<Result<void>> add_message(std::string const& agent, Message message);
  awaitable<Result<void>> add_attachment(Attachment attachment);
  awaitable<Result<void>> spool(std::string owner, std::vector<std::string> rows);

  relay::Bus& bus_;
  Worker& files_;
  std::shared_ptr<RowSpool> const spool_;
  std::map<std::string, std::set<MessageId>> added_{};
  std::set<std::string> attachments_{};
};

}  // namespace ar::daemon
