// The memory in the journal: what it may hold, and who is told of a change.
#pragma once
#include "control/api/memory_api.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"

#include <cstdint>
#include <string>

namespace ar::daemon {

struct MemoryLimits {
  std::int64_t value_bytes = 256 << 10;  ///< of one value, as JSON
  std::int64_t entries_of_id = 10'000;
  std::int64_t entries = 100'000, bytes = 256 << 20;  ///< of all
};

class MemoryApi final : public control::MemoryApi {
 public:
  MemoryApi(Journal& journal, EventLog& events, MemoryLimits limits = {})
      : journal_(journal), events_(events), limits_(limits) {}

  awaitable<Result<json>> memory_scopes() override;
  awaitable<Result<json>> memory_ids(std::string scope, control::MemoryPage page) override;
  awaitable<Result<json>> memory_entries(std::string scope, std::string id, control::MemoryPage page) override;
  awaitable<Result<json>> memory_entry(MemoryAddress address) override;
  awaitable<Result<control::MemoryWritten>> put_memory(MemoryAddress address, json value,
                                                       control::MemoryCondition condition) override;
  awaitable<Result<json>> remove_memory(MemoryAddress address, control::MemoryCondition condition) override;

 private:
  void announce(char const* type, MemoryAddress const& address);

  Journal& journal_;
  EventLog& events_;
  MemoryLimits const limits_;
};

}  // namespace ar::daemon
