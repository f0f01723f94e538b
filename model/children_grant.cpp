#include "model/children_grant.hpp"

namespace ar {

ChildrenGrant children_grant_from(FieldReader& in) {
  ChildrenGrant grant;
  grant.spawn = in.boolean("spawn");
  grant.max_depth = in.integer("maxDepth", 0, 0, ChildrenGrant::kMostDepth);
  grant.max_children = in.integer("maxChildren", 0, 0, ChildrenGrant::kMostChildren);
  return grant;
}

json to_json(ChildrenGrant const& grant) {
  return {{"spawn", grant.spawn}, {"maxDepth", grant.max_depth}, {"maxChildren", grant.max_children}};
}

}  // namespace ar
