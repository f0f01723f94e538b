// The answers that requests with an Idempotency-Key got, in the journal.
#pragma once
#include "base/worker.hpp"
#include "control/api/idempotency_api.hpp"
#include "daemon/store/journal.hpp"

#include <optional>
#include <string>

namespace ar::daemon {

class IdempotencyApi final : public control::IdempotencyApi {
 public:
  IdempotencyApi(Journal& journal, WorkerPool& files) : journal_(journal), files_(files) {}
  awaitable<Result<std::optional<control::KeptAnswer>>> answer_of(std::string owner, std::string key) override;
  awaitable<control::HashedBytes> hash(std::string bytes) override;
  awaitable<Result<void>> keep(std::string owner, std::string key, control::KeptAnswer answer) override;

 private:
  Journal& journal_;
  Worker files_;
};

}  // namespace ar::daemon
