// What was said, for those who may read it: the operator all of it, an agent its own transcripts and the messages that
// it sent or that are for it.
#pragma once
#include "control/api/search_api.hpp"
#include "daemon/api/access.hpp"
#include "daemon/api/delivery_views.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/search/indexer.hpp"
#include "daemon/search/search_index.hpp"
#include "daemon/services.hpp"

#include <vector>

namespace ar::daemon {

class SearchApi final : public control::SearchApi {
 public:
  SearchApi(Services& services, Supervisor const& supervisor, Access const& access, Indexer& indexer,
            SearchIndex& index)
      : services_(services),
        supervisor_(supervisor),
        access_(access),
        indexer_(indexer),
        index_(index),
        deliveries_(services, supervisor) {}

  awaitable<Result<json>> search(Principal who, control::SearchRequest request) override;

 private:
  using Hits = std::vector<SearchTable::Hit>;
  awaitable<Result<std::vector<json>>> shown(Hits const& hits, std::string only);
  awaitable<Result<std::vector<std::int64_t>>> turns_of(Hits const& hits);

  Services& services_;
  Supervisor const& supervisor_;
  Access const& access_;
  Indexer& indexer_;
  SearchIndex& index_;
  DeliveryViews deliveries_;
};

}  // namespace ar::daemon
