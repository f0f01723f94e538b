// Whether an agent may spawn children by its own token, and how many (docs/children.md).
#pragma once
#include "base/json.hpp"

#include <cstdint>

namespace ar {

struct ChildrenGrant {
  static constexpr std::int64_t kMostDepth = 16, kMostChildren = 1000;

  bool spawn = false;
  std::int64_t max_depth = 0;     ///< generations below it; 0: what the configuration says
  std::int64_t max_children = 0;  ///< descendants at a time; 0: what the configuration says

  friend bool operator==(ChildrenGrant const&, ChildrenGrant const&) = default;
};

/// Reads {spawn?, maxDepth?, maxChildren?}; errors are the reader's.
ChildrenGrant children_grant_from(FieldReader& in);
json to_json(ChildrenGrant const& grant);

}  // namespace ar
