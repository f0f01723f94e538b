// What is shown of deliveries: the journal's, and what is newer in memory.
#pragma once
#include "base/async.hpp"
#include "base/json.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/services.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ar::daemon {

class DeliveryViews {
 public:
  DeliveryViews(Services& services, Supervisor const& supervisor) : services_(services), supervisor_(supervisor) {}

  using Deliveries = std::map<std::string, Delivery>;  ///< by agent
  awaitable<Result<std::map<std::int64_t, Deliveries>>> find(std::vector<std::int64_t> messages);
  /// As the API shows them.
  awaitable<Result<std::vector<json>>> deliveries_of(std::int64_t message);
  awaitable<Result<std::map<std::int64_t, std::vector<json>>>> deliveries_of(std::vector<std::int64_t> messages);
  /// In words: whether a bus that this daemon had before gave that number to a message of its agents.
  awaitable<std::string> of_stores_before(std::int64_t id);

 private:
  Services& services_;
  Supervisor const& supervisor_;
};

}  // namespace ar::daemon
