// The life of one delivery as a table: every state answers every input, "nothing" included. Pure.
#pragma once
#include <optional>
#include <string_view>

namespace ar::daemon {

enum class DeliveryState {
  queued,     ///< waits for its turn, or for the provider to be able to take it
  claimed,    ///< leased from the bus, about to be handed over
  submitted,  ///< being typed, or typed: from here on it is never typed again on doubt
  accepted,   ///< the provider has shown that it took it
  running,    ///< its turn runs
  done,
  failed,      ///< its turn failed or was interrupted
  unknown,     ///< submitted, and the proof is missing
  refused,     ///< will never be taken
  unverified,  ///< typed into a provider that cannot prove anything; not acknowledged
};
inline constexpr int kDeliveryStates = 10;

enum class DeliveryInput {
  claimed,        ///< the bus has leased it to this agent
  handing,        ///< the attempt begins; the journal knows it before anything is typed
  held,           ///< nothing of it is in the provider, and it cannot go there now
  interrupted,    ///< we stopped in the midst of it: the daemon was restarted, or a part of it had a fault
  doubted,        ///< it was typed, and the proof is missing
  impossible,     ///< the provider will never take it
  unprovable,     ///< it was typed, and this provider proves nothing
  proved,         ///< the provider has shown that it took it, whenever that was
  turn_began,     ///< a turn works on it
  turn_done,      ///< ... and has ended well
  turn_failed,    ///< ... and has not
  turned_away,    ///< ... and the model refused it before anything was done
  proved_absent,  ///< its record shows that the provider has not taken it, or a person says so
  store_gone,     ///< the bus that numbered it is gone
  withdrawn,      ///< somebody has cancelled what waits
};
inline constexpr int kDeliveryInputs = 15;

/// The cell of the table: the next state, which may be the same.
DeliveryState next_state(DeliveryState state, DeliveryInput input);

std::string_view to_string(DeliveryState state);
std::optional<DeliveryState> delivery_state_from(std::string_view text);
std::string_view to_string(DeliveryInput input);

/// Its proof has been seen.
bool is_taken(DeliveryState state);
/// It is over, in whatever way.
bool has_ended(DeliveryState state);

}  // namespace ar::daemon
