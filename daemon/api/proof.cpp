#include "daemon/api/proof.hpp"

#include "base/ids.hpp"
#include "base/unicode.hpp"
#include "daemon/store/tables/event_table.hpp"

#include <optional>

namespace ar::daemon {
namespace {

constexpr std::size_t kMostText = 4U << 20;  ///< of a body or a line; of a longer one only the hash is told

/// Nothing: it is too long, or no text.
json shown(std::string const& text) { return text.size() <= kMostText && is_utf8(text) ? json(text) : json(nullptr); }

}  // namespace

awaitable<Result<json>> proof_of(Services& services, Agent& agent, Message message, Delivery delivery) {
  auto const line = co_await agent.accepting_line(delivery.correlation_id);
  auto query = [name = agent.id(), id = message.id](Database& db) -> Result<std::optional<ChainedEvent>> {
    EventTable const events(db);
    auto const number = events.about_message(name, "message.accepted", id);
    return number > 0 ? events.chained(number) : std::nullopt;
  };
  auto const event = co_await services.journal.read(std::move(query));
  if (!event) co_return event.error();

  json proof = {{"version", 1},
                {"madeAt", to_iso8601(wall_now())},
                {"instanceId", services.instance_id},
                {"message",
                 {{"id", message.id},
                  {"store", delivery.store},
                  {"from", message.from},
                  {"to", message.to},
                  {"createdAt", to_iso8601(message.created_at)},
                  {"body", shown(message.body)},
                  {"bodySha256", sha256_hex(message.body)}}},
                {"delivery", to_json(delivery, agent.id())},
                {"provider", agent.spec().provider},
                {"correlationId", delivery.correlation_id},
                {"record", nullptr},
                {"journal", nullptr}};
  proof["delivery"].erase("finalText");
  proof["delivery"].erase("output");
  if (line)
    proof["record"] = {{"file", line->file.string()}, {"line", line->number},
                       {"offset", line->offset},      {"id", line->id},
                       {"text", shown(line->text)},   {"sha256", sha256_hex(line->text)}};
  if (*event && !(*event)->chain.empty())
    proof["journal"] = {{"event", (*event)->text}, {"chain", (*event)->chain}, {"previous", (*event)->previous}};
  co_return ok(std::move(proof));
}

}  // namespace ar::daemon
