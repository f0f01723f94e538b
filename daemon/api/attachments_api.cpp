#include "daemon/api/attachments_api.hpp"

#include "relay/message_json.hpp"

#include <algorithm>

namespace ar::daemon {

awaitable<Result<json>> AttachmentsApi::put_attachment(Principal who, std::string name, std::string media_type,
                                                       std::string bytes) {
  std::vector<std::string> uploader;
  if (who.kind == Principal::Kind::agent) uploader.push_back(who.agent_id);
  auto const size = bytes.size();
  if (auto room = uploads_.check_room(uploader, size); !room) co_return room.error();
  auto stored = co_await bus_.put_attachment(std::move(name), std::move(media_type), std::move(bytes));
  if (!stored) co_return stored.error();
  uploads_.note(uploader, stored->id, size);
  co_return ok(relay::to_json(*stored));
}

awaitable<Result<void>> AttachmentsApi::check(Principal who, std::string id) {
  if (who.kind == Principal::Kind::agent) {
    NewMessage message;
    message.attachments.push_back(id);
    if (auto may = co_await rights_.check_references(who.agent_id, std::move(message)); !may) co_return may.error();
  }
  auto const bytes = co_await bus_.attachment_bytes(std::move(id));
  if (!bytes) co_return bytes.error();
  co_return Result<void>();
}

awaitable<Result<std::string>> AttachmentsApi::attachment(Principal who, std::string id, std::int64_t message) {
  if (message > 0) {
    auto const carrier = co_await rights_.visible_message(who, message);
    if (!carrier) co_return carrier.error();
    if (!std::ranges::any_of(carrier->attachments, [&](auto const& one) { return one.id == id; }))
      co_return not_found("unknown_attachment",
                          "message " + std::to_string(message) + " carries no attachment \"" + id.substr(0, 80) + "\"");
  } else if (who.kind == Principal::Kind::agent) {
    co_return Error{ErrorKind::forbidden, "message_required",
                    "an agent's token gets the attachments of messages that it may read; name one with ?message=NUMBER",
                    "message"};
  }
  co_return co_await bus_.attachment_bytes(std::move(id));
}

}  // namespace ar::daemon
