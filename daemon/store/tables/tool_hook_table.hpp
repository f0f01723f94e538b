#pragma once
#include "daemon/store/tables/table.hpp"
#include "model/tool_hook.hpp"

#include <vector>

namespace ar::daemon {

/// The tool hooks. They are few, and replaced as a whole.
class ToolHookTable {
 public:
  explicit ToolHookTable(Database& db) : db_(db) {}

  /// In the order of registration.
  std::vector<ToolHook> all() const;
  void put_all(std::vector<ToolHook> const& hooks);

 private:
  Database& db_;
};

}  // namespace ar::daemon
