// What the deliveries of one agent ask of it.
#pragma once
#include "adapters/adapter.hpp"
#include "base/async.hpp"
#include "daemon/delivery/answer.hpp"
#include "daemon/delivery/delivery.hpp"
#include "daemon/delivery/work.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

struct Delivery;

/// Implemented by Agent, and by a scripted one in the tests.
class DeliveryHost {
 public:
  virtual ~DeliveryHost() = default;
  /// The provider process that may be given prompts now; null: none, and not_ready_reason() says so for people.
  virtual adapters::ProviderSession* ready_session() = 0;
  virtual std::string not_ready_reason() const = 0;
  /// Nobody starts a provider before somebody asks for it.
  virtual bool at_rest() const { return false; }
  /// Why the bus's messages are not for this agent now; empty: they are.
  virtual std::string no_bus() const { return {}; }
  /// The record of a provider that has ended.
  virtual awaitable<adapters::RecordedOutcome> look_up_outcome(adapters::Prompt prompt) = 0;
  /// How the turn ended that took the last of these, by the provider's record; nothing: it has not, or nobody knows.
  virtual awaitable<std::optional<adapters::TurnEnded>> turn_end(std::vector<std::string> correlation_ids) = 0;
  virtual awaitable<AnswerVerdict> check_answer(std::string schema, std::string answer) = 0;
  /// Something waits: a suspended agent should come back.
  virtual void wanted() = 0;
  virtual Work& work() = 0;
  virtual void work_changed() = 0;
  /// The login that its provider uses, by the name in Accounts; empty: it has none.
  virtual std::string account() const { return {}; }
  /// Until then what its last turn has used may still become known; the past: it is.
  virtual Clock::time_point usage_due() const { return {}; }
  /// Somebody has logged in: that may be another one now.
  virtual void login_changed() {}
  /// The provider refuses work, or takes it again: the next daemon is to know.
  virtual void hold_changed() = 0;
  /// A usage limit, or what is wrong with its model's service, has cut that turn off, and a person is to say whether
  /// its messages go on; asked again after each start.
  virtual void ask_to_go_on(std::int64_t /*turn*/, std::string const& /*cut_off_by*/) {}
  /// Whatever they would say, there is nothing to go on with any more.
  virtual void ask_no_more(std::int64_t /*turn*/) {}
  /// A message is over. One that a turn was about is told before that turn is.
  virtual void message_over(Delivery const& /*delivery*/) {}
  /// It has let go of the store that the bus had before: what the present one holds is to be fetched.
  virtual void store_changed() = 0;
  virtual std::filesystem::path files_dir() const = 0;  ///< 0700; bodies and attachments go below it
};

}  // namespace ar::daemon
