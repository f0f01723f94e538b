// Whose numbers an agent's deliveries have: the bus's store that is known here, and what becomes of them when the bus
// has another one, or lost the end of this one: their numbers are other messages' now.
#pragma once
#include "base/async.hpp"
#include "daemon/delivery/delivery.hpp"
#include "daemon/delivery/delivery_host.hpp"
#include "daemon/delivery/delivery_parts.hpp"
#include "daemon/services.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

class OwedWords;

/// io thread only.
class CurrentStore {
 public:
  CurrentStore(DeliveryParts const& parts, OwedWords& owed);

  /// What the journal holds. `left`: still open of other stores, since a daemon ended before it could end them.
  void load(std::string id, std::vector<Delivery> left);
  /// Of none, or nobody could tell yet: empty.
  std::string const& id() const { return id_; }
  /// The bus's numbers are those that are known here.
  bool is_known() const;
  bool has_changed() const;
  /// The bus has been reached; perhaps it has another store, or has lost the end of this one.
  void reached();
  /// After has_changed(), and only where nothing refers to a delivery. To be called again while it has. The messages of
  /// the present store are taken in from the first again (Intake::start_over).
  awaitable<void> change();
  /// What was under way ended by an exception.
  void reset() { changing_ = false; }

 private:
  void hold_leases();
  void end_with_bus(Delivery d, bool restored);

  DeliveryParts const parts_;
  OwedWords& owed_;
  std::string id_;
  std::optional<MessageId> lost_above_{};  ///< the store was restored from a copy that ends with this one
  bool changing_ = false;                  ///< what is known of the present one is being read
};

}  // namespace ar::daemon
