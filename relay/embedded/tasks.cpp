#include "relay/embedded/tasks.hpp"

#include "base/unicode.hpp"
#include "relay/embedded/query.hpp"
#include "relay/message_rules.hpp"

namespace ar::relay::embedded {
namespace {

/// 0 open, 1 in progress, 2 ended: a task only moves up.
int stage(TaskStatus status) { return status == TaskStatus::open ? 0 : status == TaskStatus::in_progress ? 1 : 2; }

std::optional<Task> find_task(Database& db, std::int64_t id) {
  Query row(db, "SELECT status, body, metadata, set_by, updated_at FROM tasks WHERE id = ?1", id);
  if (!row.step()) return std::nullopt;
  Task task;
  task.id = id;
  task.status = task_status_from(row.text(0)).value_or(TaskStatus::open);
  task.body = row.text(1);
  task.metadata = row.object(2, "task " + std::to_string(id)).value_or(json::object());
  task.set_by = row.text(3);
  task.updated_at = row.time(4);
  return task;
}

}  // namespace

Result<Task> task(Database& db, std::int64_t id) {
  auto found = find_task(db, id);
  if (!found) return not_found("unknown_task", "there is no task " + std::to_string(id));
  return std::move(*found);
}

Result<Task> set_task(Database& db, BusLimits const& limits, Moment now, Task task) {
  if (task.id <= 0) return invalid("id", "a task's id must be a positive integer");
  if (task.body.size() > limits.max_body_bytes)
    return Error{ErrorKind::too_large, "too_large",
                 "the body of task " + std::to_string(task.id) + " is longer than " +
                     std::to_string(limits.max_body_bytes) + " bytes; shorten it",
                 "body"};
  if (!is_utf8(task.body)) return invalid("body", "body is not UTF-8; encode it so");
  if (auto const good = check_word("setBy", task.set_by, kMaxNameBytes); !good) return good.error();
  auto const metadata = object_text("metadata", task.metadata, kMaxPayloadBytes);
  if (!metadata) return metadata.error();
  Transaction transaction(db);
  if (auto const before = find_task(db, task.id)) {
    bool const ended = stage(before->status) == 2;
    if (ended && before->status == task.status) return *before;
    if (ended || stage(task.status) < stage(before->status))
      return conflict("task_backwards", "task " + std::to_string(task.id) + " is " +
                                            std::string(to_string(before->status)) + " and cannot become " +
                                            std::string(to_string(task.status)) + "; make a new task");
  }
  task.updated_at = now.wall;
  run(db,
      "INSERT INTO tasks(id, status, body, metadata, set_by, updated_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
      " ON CONFLICT DO UPDATE SET status = ?2, body = ?3, metadata = ?4, set_by = ?5, updated_at = ?6",
      task.id, to_string(task.status), task.body, *metadata, task.set_by, to_millis(task.updated_at));
  transaction.commit();
  return task;
}

void forget_old_tasks(Database& db, BusLimits const& limits, Moment now) {
  run(db, "DELETE FROM tasks WHERE status IN ('done', 'failed', 'cancelled') AND updated_at <= ?1",
      to_millis(now.wall - limits.retention));
}

}  // namespace ar::relay::embedded
