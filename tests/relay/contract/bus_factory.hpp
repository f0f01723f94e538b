// The seam under the contract suite: whatever keeps the contract of relay/bus.hpp is put under it by one
// factory.
#pragma once
#include "relay/bus.hpp"

#include <boost/asio/io_context.hpp>

namespace ar::relay::test {

/// One bus of one implementation, with the time it lives in. Its coroutines run on `io`.
class BusFactory {
 public:
  virtual ~BusFactory() = default;
  virtual net::io_context& io() = 0;
  virtual Bus& bus() = 0;
  /// Closes the bus and opens it again with its state; earlier references and subscriptions are void.
  virtual void restart() = 0;
  /// The same, but all that it has stored is gone.
  virtual void replace_store() = 0;
  /// Lets time pass for the bus, and runs what became due on the io thread.
  virtual void advance(milliseconds by) = 0;
  /// Returns when every hint of what has happened so far has been given, where they travel.
  virtual void settle() {}
};

/// Defined by each implementation's test program.
std::unique_ptr<BusFactory> make_bus_factory(BusLimits limits);

}  // namespace ar::relay::test
