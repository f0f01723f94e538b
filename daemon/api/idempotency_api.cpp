#include "daemon/api/idempotency_api.hpp"

#include "base/ids.hpp"
#include "daemon/store/tables/kept_answer_table.hpp"

#include <utility>

namespace ar::daemon {

awaitable<Result<std::optional<control::KeptAnswer>>> IdempotencyApi::answer_of(std::string owner, std::string key) {
  auto query = [owner = std::move(owner),
                key = std::move(key)](Database& db) -> Result<std::optional<KeptAnswerTable::Row>> {
    return KeptAnswerTable(db).find(owner, key);
  };
  auto const found = co_await journal_.read(std::move(query));
  if (!found) co_return found.error();
  std::optional<control::KeptAnswer> answer;
  if (auto const& row = *found) answer = control::KeptAnswer{row->body_hash, row->location, row->body};
  co_return answer;
}

awaitable<control::HashedBytes> IdempotencyApi::hash(std::string bytes) {
  auto job = [bytes = std::move(bytes)]() mutable {
    auto hash = sha256_hex(bytes);
    return control::HashedBytes{std::move(bytes), std::move(hash)};
  };
  co_return co_await files_.run(std::move(job));
}

awaitable<Result<void>> IdempotencyApi::keep(std::string owner, std::string key, control::KeptAnswer answer) {
  KeptAnswerTable::Row row{std::move(answer.body_hash), std::move(answer.location), std::move(answer.body)};
  auto change = [owner = std::move(owner), key = std::move(key), row = std::move(row), now = wall_now()](Database& db) {
    KeptAnswerTable(db).put(owner, key, row, now);
  };
  journal_.write(std::move(change));
  return journal_.committed();
}

}  // namespace ar::daemon
