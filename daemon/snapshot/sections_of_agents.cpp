// The sections that tell of agents: each of their rows names its agent.
#include "base/base64.hpp"
#include "base/ids.hpp"
#include "base/read_json.hpp"
#include "daemon/agent/agent_spec.hpp"
#include "daemon/agent/agent_state.hpp"
#include "daemon/agent/approval.hpp"
#include "daemon/delivery/delivery.hpp"
#include "daemon/delivery/turn.hpp"
#include "daemon/snapshot/bus_rows.hpp"
#include "daemon/snapshot/record_rows.hpp"
#include "daemon/snapshot/row_spool.hpp"
#include "daemon/snapshot/row_writer.hpp"
#include "daemon/snapshot/secrets.hpp"
#include "daemon/snapshot/sections.hpp"
#include "daemon/store/known_store.hpp"
#include "daemon/store/tables/agent_table.hpp"
#include "daemon/store/tables/approval_table.hpp"
#include "daemon/store/tables/delivery_table.hpp"
#include "daemon/store/tables/event_table.hpp"
#include "daemon/store/tables/owed_word_table.hpp"
#include "daemon/store/tables/turn_table.hpp"
#include "relay/message_json.hpp"

#include <algorithm>
#include <set>

namespace ar::daemon {
namespace {

Result<std::string> agent_of(json const& row) {
  auto agent = row.at("agent").get<std::string>();
  if (auto good = check_agent_id(agent); !good) return good.error();
  return agent;
}

bool holds_nul(json const& value) {
  if (value.is_string()) return value.get_ref<std::string const&>().find('\0') != std::string::npos;
  return value.is_structured() && std::ranges::any_of(value, holds_nul);
}

// ---- agents: {agent, state, spec, withheld, record, turns, lastEvent} ----

/// What is of its process stays here.
json record_to_take(AgentRecord record) {
  record.provider_session.clear();
  record.tmux_session.clear();
  record.mark = 0;
  record.placement = {};
  record.process_token_hash.clear();
  record.pid = 0;
  record.last_lines.clear();
  record.hold = nullptr;
  record.exits.clear();
  return to_json(record);
}

json running_turns(Database& journal, std::string const& agent) {
  json turns = json::array();
  for (auto const& [number, stored] : TurnTable(journal).running(agent))
    if (auto turn = parse_json(stored)) turns.push_back(std::move(*turn));
  return turns;
}

void write_agents(SnapshotSource const& source, RowWriter& out) {
  for (auto const& agent : source.agents) {
    auto const row = AgentTable(source.journal).find(agent.id);
    if (!row) continue;
    auto spec = parse_object(row->spec);
    auto record = maybe_json(row->record, agent_record_from);
    if (!spec || !record) continue;
    auto withheld = withhold_secrets(*spec);
    out.row({{"agent", agent.id},
             {"state", row->state},
             {"spec", std::move(*spec)},
             {"withheld", std::move(withheld)},
             {"record", record_to_take(std::move(*record))},
             {"turns", running_turns(source.journal, agent.id)},
             {"lastEvent", EventTable(source.journal).last_of(agent.id)}});
  }
}

Result<std::string> owner_of_agent(json const& row) {
  auto const spec = spec_from_journal(row.at("spec"));
  auto const record = agent_record_from(row.at("record"));
  (void)row.at("state").get<std::string>();
  (void)row.at("withheld").get<std::vector<std::string>>();
  for (auto const& turn : turns_in(row))
    if (turn.number < 1) return invalid("", "a turn has no number");
  if (row.at("lastEvent").get<std::int64_t>() < 0) return invalid("", "its events have no number");
  if (spec.cwd.empty() || spec.cwd.front() != '/') return invalid("", "an agent's cwd must be an absolute path");
  if (!record.session_id.empty() && !is_safe_name(record.session_id))
    return invalid("", "an agent's conversation has no usable name");
  if (holds_nul(row)) return invalid("", "an agent's specification holds a NUL");
  return agent_of(row);
}

// ---- sessions: see record_rows.hpp ----

void write_sessions(SnapshotSource const& source, RowWriter& out) {
  for (auto const& agent : source.agents) {
    auto const row = AgentTable(source.journal).find(agent.id);
    auto const record = row ? maybe_json(row->record, agent_record_from) : std::nullopt;
    if (!record) continue;
    for (auto const& file : agent.adapter->record_files(agent.request, record->session_id))
      write_record(agent.id, file, out);
  }
}

// ---- queue: {agent, kind, ...}; see bus_rows.hpp for those of the bus ----

/// What only waits is the bus's; of the rest the journal knows how far it is.
bool has_begun(Delivery const& delivery) {
  return delivery.is_local() || (delivery.state != DeliveryState::queued && delivery.state != DeliveryState::claimed);
}

void write_queue(SnapshotSource const& source, RowWriter& out) {
  auto const store = KnownStore::stored(source.journal);
  DeliveryTable const deliveries(source.journal);
  for (auto const& agent : source.agents) {
    auto const open = deliveries.open_of(agent.id);
    std::set<MessageId> open_ids;
    for (auto const& row : open) open_ids.insert(row.message);
    source.bus.each("queue", agent.id, [&](json row) {
      // It has been read and settled since the bus was asked.
      auto const id = kind_of(row) == kMessageRow ? row.at("message").at("id").get<MessageId>() : 0;
      if (id == 0 || open_ids.contains(id) || !deliveries.contains(agent.id, store, id)) out.row(row);
    });
    for (auto const& row : open) {
      auto delivery = maybe_json(row.record, delivery_from_journal);
      if (!delivery || !has_begun(*delivery)) continue;
      delivery->claim_token.clear();
      out.row({{"agent", agent.id}, {"kind", kDeliveryRow}, {"store", row.store}, {"delivery", to_journal(*delivery)}});
    }
    for (auto const& owed : OwedWordTable(source.journal).of(agent.id))
      if (auto word = parse_object(owed.word))
        out.row({{"agent", agent.id}, {"kind", kWordRow}, {"key", owed.key}, {"word", std::move(*word)}});
  }
  source.bus.each("queue", {}, [&](json row) { out.row(row); });
}

Result<std::string> owner_of_queue_row(json const& row) {
  auto const kind = kind_of(row);
  if (kind == kAttachmentRow) return owner_of_attachment_row(row);
  Result<void> good;
  if (kind == kMessageRow) {
    auto const message = relay::message_from(row.at("message"));
    if (!message) return message.error();
    if (message->id <= 0) return invalid("", "a message has no number");
  } else if (kind == kTaskRow) {
    if (auto const task = relay::task_from(row.at("task")); !task) return task.error();
  } else if (kind == kDeliveryRow) {
    if (delivery_from_journal(row.at("delivery")).message == 0) return invalid("", "a delivery has no number");
    (void)row.at("store").get<std::string>();
  } else if (kind == kWordRow) {
    if (auto const word = relay::new_message_from(row.at("word")); !word) return word.error();
    (void)row.at("key").get<std::string>();
  } else {
    return invalid("", "the queue has no rows of the kind \"" + kind.substr(0, 40) + "\"");
  }
  return agent_of(row);
}

// ---- approvals: {agent, approval}, the pending ones ----

json approval_row(ApprovalTable::Row const& stored, json approval) {
  return {{"agent", stored.agent}, {"approval", std::move(approval)}};
}

void write_approvals(SnapshotSource const& source, RowWriter& out) {
  for (auto const& agent : source.agents)
    ApprovalTable(source.journal).each(agent.id, [&](ApprovalTable::Row const& stored) {
      if (stored.status != "pending") return;
      if (auto approval = parse_object(stored.record)) out.row(approval_row(stored, std::move(*approval)));
    });
}

Result<std::string> owner_of_approval(json const& row) {
  (void)approval_from_journal(row.at("approval"));
  return agent_of(row);
}

/// Whoever asked is gone: it asks again where it still wants to know.
bool bring_approval(SnapshotTarget& target, json const& row) {
  auto approval = approval_from_journal(row.at("approval"));
  approval.id = target.next_approval++;
  approval.agent = target.owner;
  if (approval.status == ApprovalStatus::pending) {
    approval.status = ApprovalStatus::withdrawn;
    approval.decider = {"provider", ""};
    approval.ended_at = target.now;
  }
  ApprovalTable(target.journal)
      .put({approval.id, approval.agent, std::string(to_string(approval.status)), approval.created_at,
            to_text(to_journal(approval))});
  return true;
}

/// It has another number here.
bool is_there(SnapshotTarget const& target, json const& row) {
  auto const approval = approval_from_journal(row.at("approval"));
  auto const same = [&](std::string const& record) {
    auto const known = maybe_json(record, approval_from_journal);
    return known && known->request.key == approval.request.key && known->provider_session == approval.provider_session;
  };
  return std::ranges::any_of(ApprovalTable(target.journal).of_time(target.owner, approval.created_at), same);
}

// ---- history: {agent, kind, ...} ----

constexpr char kTurnRow[] = "turn", kApprovalRow[] = "approval", kEventRow[] = "event";

void write_history_of(std::string const& agent, Database& journal, RowWriter& out) {
  TurnTable(journal).each(agent, [&](Record const& stored) {
    if (auto turn = parse_object(stored.second))
      out.row({{"agent", agent}, {"kind", kTurnRow}, {"number", stored.first}, {"turn", std::move(*turn)}});
  });
  DeliveryTable(journal).each_settled(agent, [&](DeliveryTable::Row const& stored) {
    if (auto delivery = parse_object(stored.record))
      out.row({{"agent", agent}, {"kind", kDeliveryRow}, {"store", stored.store}, {"delivery", std::move(*delivery)}});
  });
  ApprovalTable(journal).each(agent, [&](ApprovalTable::Row const& stored) {
    auto approval = parse_object(stored.record);
    if (!approval || stored.status == "pending") return;
    auto row = approval_row(stored, std::move(*approval));
    row["kind"] = kApprovalRow;
    out.row(row);
  });
  EventTable(journal).each(agent, [&](Event const& event, WallTime at) {
    if (auto text = parse_object(event.json_text))
      out.row({{"agent", agent},
               {"kind", kEventRow},
               {"number", event.agent_number},
               {"at", to_millis(at)},
               {"event", std::move(*text)}});
  });
}

void write_history(SnapshotSource const& source, RowWriter& out) {
  if (!source.history) return;
  for (auto const& agent : source.agents)
    if (!out.has_failed()) write_history_of(agent.id, source.journal, out);
}

Result<std::string> owner_of_history_row(json const& row) {
  auto const kind = kind_of(row);
  if (kind == kTurnRow) {
    (void)session_turn("", row.at("turn"));
    if (row.at("number").get<std::int64_t>() < 1) return invalid("", "a turn has no number");
  } else if (kind == kDeliveryRow) {
    auto const delivery = delivery_from_journal(row.at("delivery"));
    (void)row.at("store").get<std::string>();
    if (delivery.message == 0 || !delivery.has_ended()) return invalid("", "a delivery that is no history");
  } else if (kind == kApprovalRow) {
    (void)approval_from_journal(row.at("approval"));
  } else if (kind == kEventRow) {
    (void)time_in(row.at("at"));
    (void)row.at("number").get<std::int64_t>();
    (void)row.at("event").at("type").get<std::string>();
  } else {
    return invalid("", "the history has no rows of the kind \"" + kind.substr(0, 40) + "\"");
  }
  return agent_of(row);
}

/// Nobody will see its end: if one is found in the record, it is written over this.
json turn_to_bring(json turn, WallTime now) {
  if (text_at(turn, "status") != "running") return turn;
  turn["status"] = "interrupted";
  turn["endedAt"] = to_iso8601(now);
  turn["error"] = "it ran when the snapshot was taken";
  turn["finalText"] = "";
  return turn;
}

bool bring_history(SnapshotTarget& target, json const& row) {
  if (!target.history) return false;
  auto const kind = kind_of(row);
  if (kind == kApprovalRow) return !is_there(target, row) && bring_approval(target, row);
  if (kind == kTurnRow)
    return TurnTable(target.journal)
        .add(target.owner, row.at("number").get<std::int64_t>(), to_text(turn_to_bring(row.at("turn"), target.now)));
  if (kind == kDeliveryRow) {
    auto const delivery = delivery_from_journal(row.at("delivery"));
    auto const store = row.at("store").get<std::string>();
    DeliveryTable table(target.journal);
    if (table.contains(target.owner, store, delivery.message)) return false;
    table.put({target.owner, store, delivery.message, std::string(to_string(delivery.state)), delivery.correlation_id,
               to_text(row.at("delivery")), false});
    return true;
  }
  auto const number = row.at("number").get<std::int64_t>();
  if (number < 1 || number > target.last_event) return false;
  return EventTable(target.journal)
      .add_brought({0, number, target.owner, to_text(row.at("event"))}, time_in(row.at("at")));
}

}  // namespace

std::vector<Turn> turns_in(json const& row) {
  std::vector<Turn> turns;
  for (auto const& stored : row.value("turns", json::array())) turns.push_back(running_turn(stored));
  return turns;
}

Section const kAgentsSection{"agents", "1.0.0", write_agents, owner_of_agent};
Section const kSessionsSection{"sessions", "1.0.0", write_sessions, owner_of_record_row};
Section const kQueueSection{"queue", "1.0.0", write_queue, owner_of_queue_row};
Section const kApprovalsSection{"approvals", "1.0.0", write_approvals, owner_of_approval, bring_approval};
Section const kHistorySection{"history", "1.0.0", write_history, owner_of_history_row, bring_history, true};

}  // namespace ar::daemon
