// Brings an agent's part of a snapshot's queue to the bus that is here now: another store with other numbers, or the
// same one. Each message goes once: its key on the bus is made of the store and the number that it had, so that whoever
// brings it again, from whatever snapshot, is given the message that is there.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/worker.hpp"
#include "daemon/delivery/delivery.hpp"
#include "daemon/services.hpp"
#include "daemon/snapshot/row_spool.hpp"
#include "daemon/store/tables/delivery_table.hpp"
#include "daemon/store/tables/owed_word_table.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace ar::daemon {

class BusRestore {
 public:
  /// `store`: of the bus that the snapshot was taken of. `has_record`: what is in doubt can be looked up here.
  BusRestore(Services& services, Worker& files, std::shared_ptr<RowSpool> spool, std::string store, std::string agent,
             bool has_record);

  /// Errors: those that may pass, and what was done stays. What the bus refuses for good is left out, and said.
  awaitable<Result<void>> run();

  /// The numbers that these messages of the snapshot's bus have here; without those that have none.
  std::vector<MessageId> numbers_here(std::vector<MessageId> there) const;
  // What has come of it, for the journal.
  std::vector<DeliveryTable::Row>& deliveries() { return deliveries_; }
  std::vector<OwedWordTable::Row> const& words() const { return words_; }
  std::int64_t written() const { return written_; }                   ///< rows
  std::vector<std::string> const& left_out() const { return left_; }  ///< for people

 private:
  awaitable<Result<void>> bring(json row);
  awaitable<Result<void>> bring_message(Message message);
  awaitable<Result<void>> bring_task(Task task);
  awaitable<Result<void>> bring_delivery(json row);
  awaitable<Result<std::vector<std::string>>> bring_attachments(Message const& message);
  void leave_out(std::string what, std::string const& why);

  Services& services_;
  Worker& files_;
  std::shared_ptr<RowSpool> const spool_;
  std::string const store_, agent_;
  bool const same_store_, has_record_;
  std::map<MessageId, MessageId> numbers_{};  ///< there, here
  std::vector<DeliveryTable::Row> deliveries_{};
  std::vector<OwedWordTable::Row> words_{};
  std::int64_t written_ = 0;
  std::vector<std::string> left_{};
};

/// As a row of the journal.
DeliveryTable::Row row_of(std::string const& agent, Delivery const& delivery);

}  // namespace ar::daemon
