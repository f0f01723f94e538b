#include "daemon/snapshot/taking.hpp"

#include "base/paths.hpp"
#include "daemon/config/config.hpp"
#include "daemon/snapshot/bus_rows.hpp"
#include "daemon/snapshot/file_job.hpp"
#include "daemon/snapshot/row_spool.hpp"
#include "daemon/snapshot/sections.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/known_store.hpp"
#include "daemon/store/tables/delivery_table.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace ar::daemon {
namespace {

using Agents = std::vector<AgentSource>;

/// The journal as it is when this is made, for as long as this lives.
struct Moment {
  std::unique_ptr<Database> journal;
  std::vector<std::pair<std::string, std::vector<MessageId>>> open{};  ///< deliveries of the present store, by agent
};

AgentSource source_of(Services& services, Agent const& agent) {
  // The record says only which conversation goes on, and the journal says that as well.
  AgentRecord const record{};
  AgentToken const token{};
  auto const adapter = services.adapters.at(agent.spec().provider);
  return {agent.id(), adapter, AgentProvider(services, adapter, agent.spec(), record, token).request()};
}

Result<std::shared_ptr<Moment>> open_journal(std::filesystem::path const& file, Agents const& agents) {
  auto reader = Journal::open_reader(file);
  if (!reader) return reader.error();
  auto moment = std::make_shared<Moment>();
  moment->journal = std::move(*reader);
  moment->journal->execute("BEGIN");
  auto const store = KnownStore::stored(*moment->journal);  // the first look decides which moment it is
  for (auto const& agent : agents) {
    std::vector<MessageId> open;
    for (auto const& row : DeliveryTable(*moment->journal).open_of(agent.id))
      if (row.message > 0 && row.store == store) open.push_back(row.message);
    moment->open.emplace_back(agent.id, std::move(open));
  }
  return moment;
}

}  // namespace

awaitable<Result<RowWriter::Written>> take_snapshot(Services& services, Supervisor const& supervisor, Worker& files,
                                                    std::filesystem::path folder, json head, bool history) {
  auto make_spool = [folder] { return RowSpool::open(folder); };
  auto const spool = co_await file_job(files, std::move(make_spool));
  if (!spool) co_return spool.error();
  auto const agents = std::make_shared<Agents>();
  std::vector<Identity> identities;
  for (auto const& [id, agent] : supervisor.agents()) {
    agents->push_back(source_of(services, *agent));
    identities.push_back(agent->identity());
  }
  // On another bus the messages stay where all its daemons find them.
  bool const is_ours = services.bus.name() == "embedded";
  BusRows bus(services.bus, files, *spool);
  if (is_ours)
    for (auto& who : identities)
      if (auto added = co_await bus.add_unread(std::move(who)); !added) co_return added.error();
  if (auto const safe = co_await services.journal.committed(); !safe) co_return safe.error();
  auto look = [file = services.paths.state_dir / "journal.db", agents] { return open_journal(file, *agents); };
  auto const moment = co_await file_job(files, std::move(look));
  if (!moment) co_return moment.error();
  // What has come, or was taken up, since the bus was asked; and what the agents have read and not done with.
  if (is_ours)
    for (auto& [agent, messages] : (*moment)->open)
      if (auto added = co_await bus.add(agent, std::move(messages)); !added) co_return added.error();
  auto write = [spool = *spool, agents, moment = *moment, head = std::move(head), file = folder / "snapshot.json",
                most = services.config.snapshot_max_bytes, skills = services.paths.state_dir / "skills",
                history]() -> Result<RowWriter::Written> {
    RowWriter out(file, head, most);
    SnapshotSource const source{*moment->journal, *spool, *agents, skills, history};
    for (auto const& section : sections()) {
      out.section(section.name, section.version);
      if (!out.has_failed()) section.write(source, out);
    }
    return out.finish();
  };
  co_return co_await file_job(files, std::move(write));
}

}  // namespace ar::daemon
