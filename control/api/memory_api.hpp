// The memory: values that outlive the processes which write them (docs/memory.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "model/memory.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace ar::control {

/// What must be so of an entry before it is changed.
struct MemoryCondition {
  bool absent = false, present = false;
  std::optional<std::string> version{};
};

struct MemoryPage {
  std::string prefix{};  ///< of the keys
  std::string after{};   ///< the last one of the page before
  int limit = 100;
};

struct MemoryWritten {
  json entry;            ///< without its value
  bool created = false;  ///< false: it had another value before
};

/// io thread only. Addresses are valid: their scope, id and key are such. Errors: no_such_entry; precondition_failed
/// where the condition does not hold.
class MemoryApi {
 public:
  virtual ~MemoryApi() = default;
  virtual awaitable<Result<json>> memory_scopes() = 0;                                 ///< {scopes: [...]}
  virtual awaitable<Result<json>> memory_ids(std::string scope, MemoryPage page) = 0;  ///< {ids: [...], nextCursor?}
  virtual awaitable<Result<json>> memory_entries(std::string scope, std::string id,
                                                 MemoryPage page) = 0;  ///< {entries: [...], nextCursor?}
  virtual awaitable<Result<json>> memory_entry(MemoryAddress address) = 0;
  /// Errors: no_such_agent in the scope agent; too_large, quota.
  virtual awaitable<Result<MemoryWritten>> put_memory(MemoryAddress address, json value, MemoryCondition condition) = 0;
  virtual awaitable<Result<json>> remove_memory(MemoryAddress address, MemoryCondition condition) = 0;  ///< {removed}
};

}  // namespace ar::control
