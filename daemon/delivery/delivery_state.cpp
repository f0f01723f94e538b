#include "daemon/delivery/delivery_state.hpp"

#include <array>

namespace ar::daemon {
namespace {

using S = DeliveryState;

constexpr std::array<std::string_view, kDeliveryStates> kStateNames = {
    "queued", "claimed", "submitted", "accepted", "running", "done", "failed", "unknown", "refused", "unverified"};
constexpr std::array<std::string_view, kDeliveryInputs> kInputNames = {
    "claimed", "handing",    "held",      "interrupted", "doubted",     "impossible",    "unprovable",
    "proved",  "turn_began", "turn_done", "turn_failed", "turned_away", "proved_absent", "store_gone", "withdrawn"};

/// Short forms, so that the table below can be read as one.
constexpr S qu = S::queued, cl = S::claimed, ha = S::submitted, ac = S::accepted, ru = S::running, dn = S::done,
            fa = S::failed, un = S::unknown, rf = S::refused, uv = S::unverified;

// What is taken is never queued again but by the model's word, and what has ended stays so.
constexpr S kTable[kDeliveryInputs][kDeliveryStates] = {
    //                  qu  cl  ha  ac  ru  dn  fa  un  rf  uv
    /* claimed */ {cl, cl, ha, ac, ru, dn, fa, un, rf, uv},
    /* handing */ {ha, ha, ha, ac, ru, dn, fa, un, rf, uv},
    /* held */ {qu, qu, qu, ac, ru, dn, fa, un, rf, uv},
    /* interrupted */ {qu, qu, un, ac, ru, dn, fa, un, rf, uv},
    /* doubted */ {qu, cl, un, ac, ru, dn, fa, un, rf, uv},
    /* impossible */ {qu, cl, rf, ac, ru, dn, fa, un, rf, uv},
    /* unprovable */ {qu, cl, uv, ac, ru, dn, fa, un, rf, uv},
    /* proved */ {ac, ac, ac, ac, ru, dn, fa, ac, rf, uv},
    /* turn_began */ {qu, cl, ha, ru, ru, dn, fa, un, rf, uv},
    /* turn_done */ {qu, cl, ha, dn, dn, dn, fa, un, rf, uv},
    /* turn_failed */ {qu, cl, ha, fa, fa, dn, fa, un, rf, uv},
    /* turned_away */ {qu, cl, ha, qu, qu, dn, fa, un, rf, uv},
    /* proved_absent */ {qu, cl, ha, ac, ru, dn, fa, qu, rf, uv},
    /* store_gone */ {fa, fa, fa, fa, fa, dn, fa, fa, rf, uv},
    /* withdrawn */ {fa, cl, ha, ac, ru, dn, fa, un, rf, uv},
};

}  // namespace

DeliveryState next_state(DeliveryState state, DeliveryInput input) {
  return kTable[static_cast<int>(input)][static_cast<int>(state)];
}

std::string_view to_string(DeliveryState state) { return kStateNames[static_cast<std::size_t>(state)]; }
std::string_view to_string(DeliveryInput input) { return kInputNames[static_cast<std::size_t>(input)]; }

std::optional<DeliveryState> delivery_state_from(std::string_view text) {
  for (std::size_t i = 0; i < kStateNames.size(); ++i)
    if (kStateNames[i] == text) return static_cast<DeliveryState>(i);
  return std::nullopt;
}

bool is_taken(DeliveryState state) {
  return state == S::accepted || state == S::running || state == S::done || state == S::failed;
}

bool has_ended(DeliveryState state) {
  return state == S::done || state == S::failed || state == S::refused || state == S::unverified;
}

}  // namespace ar::daemon
