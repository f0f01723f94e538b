// The answers that requests with an Idempotency-Key got, in the journal.
#pragma once
#include "control/api/idempotency_api.hpp"
#include "daemon/store/journal.hpp"

#include <optional>
#include <string>

namespace ar::daemon {

class IdempotencyApi final : public control::IdempotencyApi {
 public:
  explicit IdempotencyApi(Journal& journal) : journal_(journal) {}
  awaitable<Result<std::optional<control::KeptAnswer>>> answer_of(std::string owner, std::string key) override;
  awaitable<Result<void>> keep(std::string owner, std::string key, control::KeptAnswer answer) override;

 private:
  Journal& journal_;
};

}  // namespace ar::daemon
