#pragma once
#include "daemon/store/tables/table.hpp"
#include "model/memory.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// What is remembered: JSON values by scope, id and key.
class MemoryTable {
 public:
  /// Of a page's values, beyond which it ends sooner: a list may have the largest ones.
  static constexpr std::int64_t kPageBytes = 1 << 20;

  explicit MemoryTable(Database& db) : db_(db) {}
  struct Entry {
    std::string key;
    std::int64_t version = 0;  ///< another one with every value, never given twice
    std::int64_t bytes = 0;
    WallTime updated_at;
    std::string value;
  };
  struct Size {
    std::int64_t entries = 0, bytes = 0;
  };
  struct IdSize : Size {
    std::string id;
  };
  template <class Row>
  struct Page {
    std::vector<Row> rows;
    bool more = false;
  };

  std::optional<Entry> find(MemoryAddress const& address) const;
  /// 0: there is no such entry.
  std::int64_t version_of(MemoryAddress const& address) const;
  /// Those whose keys begin with `prefix` and come after `after`, in the order of their bytes.
  Page<Entry> entries(std::string const& scope, std::string const& id, std::string const& prefix,
                      std::string const& after, int limit) const;
  /// Those after `after`, in their order.
  Page<IdSize> ids(std::string const& scope, std::string const& after, int limit) const;
  /// All there is, in the order of its addresses.
  void each(std::function<void(MemoryAddress const&, Entry const&)> const& tell) const;
  std::int64_t count_ids(std::string const& scope) const;
  /// `id` empty: of the whole scope.
  Size size_of(std::string const& scope, std::string const& id = {}) const;
  Size size() const;

  /// The new version; what was there is replaced.
  std::int64_t put(MemoryAddress const& address, std::string const& value, WallTime at);
  void erase(MemoryAddress const& address);
  void erase_agent(std::string const& agent);

 private:
  Database& db_;
};

}  // namespace ar::daemon
