// Hands one delivery over to the provider: claimed, prepared, journalled, submitted; or given back.
#pragma once
#include "adapters/adapter.hpp"
#include "base/async.hpp"
#include "base/worker.hpp"
#include "daemon/delivery/delivery.hpp"
#include "daemon/delivery/delivery_host.hpp"
#include "daemon/delivery/delivery_parts.hpp"
#include "daemon/delivery/scheduler.hpp"
#include "daemon/services.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ar::daemon {

class Outcomes;

/// io thread only. One delivery at a time.
class Submitter {
 public:
  /// `outlook`: how things stand now.
  Submitter(DeliveryParts const& parts, Outcomes& outcomes, std::function<Outlook()> outlook);

  awaitable<void> deliver(Delivery& d);
  /// It is tried again later, and others may take it meanwhile.
  awaitable<void> give_back(Delivery& d, std::string reason);
  /// Cuts an attempt short. What it was about stays `submitted` in the journal.
  awaitable<void> stop() { return submitting_.stop(); }

 private:
  awaitable<bool> take_claim(Delivery& d);
  awaitable<Result<adapters::Prompt>> prepare(Delivery& d);
  awaitable<Result<void>> fetch_attachments(Delivery& d, adapters::Prompt& prompt);
  awaitable<adapters::SubmitResult> attempt(adapters::ProviderSession& session, adapters::Prompt prompt, Delivery& d);
  awaitable<Result<void>> release_claim(Delivery& d);

  DeliveryParts const parts_;
  Outcomes& outcomes_;
  std::function<Outlook()> const outlook_;
  Worker files_;
  TaskGroup submitting_;  ///< the one attempt under way, so that it can be cut short when its process ends
};

}  // namespace ar::daemon
