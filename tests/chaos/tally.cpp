#include "chaos/tally.hpp"

#include "chaos/body.hpp"

#include <map>

namespace ar::chaos {
namespace {

struct Shown {
  bool settled = false, acknowledged = false;
  std::string states{};
};

Shown look_at(json const& message) {
  Shown shown;
  shown.acknowledged = !message.value("readBy", json::array()).empty();
  for (auto const& delivery : message.value("deliveries", json::array())) {
    auto const state = delivery.value("state", "");
    shown.settled = shown.settled || state == "done" || state == "failed";
    if (!shown.states.empty()) shown.states += "; ";
    shown.states += delivery.value("agent", "") + ": " + state;
    if (auto const reason = delivery.value("reason", ""); !reason.empty()) shown.states += " (" + reason + ")";
  }
  if (shown.states.empty()) shown.states = "no agent has taken it up";
  return shown;
}

}  // namespace

Tally count(std::vector<SentMessage> const& sent, std::vector<Receipt> const& receipts,
            std::vector<json> const& shown) {
  Tally tally;
  tally.sent = sent.size();
  tally.received = receipts.size();
  std::map<std::int64_t, std::vector<Receipt const*>> by_serial;
  std::map<std::int64_t, std::int64_t> serial_of;
  for (auto const& message : sent) serial_of[message.id] = message.serial;
  auto const serial = [&](Receipt const& receipt) {
    return receipt.serial != 0 ? receipt.serial : serial_of[receipt.id];
  };
  for (auto const& receipt : receipts) by_serial[serial(receipt)].push_back(&receipt);
  std::map<std::int64_t, Shown> daemon_says;
  std::map<std::int64_t, int> stored;
  for (auto const& message : shown) {
    daemon_says[message.value("id", std::int64_t{0})] = look_at(message);
    ++stored[serial_in(message.value("body", ""))];
  }

  auto const fault = [&](std::size_t& counter, SentMessage const& m, std::string const& what) {
    ++counter;
    tally.faults.push_back("message " + std::to_string(m.id) + " (serial " + std::to_string(m.serial) + ", to " + m.to +
                           ") " + what + "; " + daemon_says[m.id].states);
  };
  std::map<std::int64_t, SentMessage const*> direct;
  for (auto const& message : sent) {
    auto const& taken = by_serial[message.serial];
    auto const& says = daemon_says[message.id];
    if (!message.claimable) direct[message.serial] = &message;
    if (taken.empty()) fault(tally.lost, message, "was never received");
    if (taken.size() > 1) fault(tally.doubled, message, "was received " + std::to_string(taken.size()) + " times");
    if (stored[message.serial] > 1) fault(tally.doubled, message, "is on the bus twice");
    for (auto const* receipt : taken) {
      if (receipt->body_hash != 0 && receipt->body_hash != message.body_hash)
        fault(tally.altered, message, "arrived with other bytes");
      if (!message.claimable && receipt->agent != message.to)
        fault(tally.astray, message, "was received by " + receipt->agent);
    }
    if (!says.settled) fault(tally.unsettled, message, "did not come to its end");
    if (says.acknowledged && taken.empty()) fault(tally.false_proofs, message, "was acknowledged");
    if (!says.acknowledged && !taken.empty()) fault(tally.unacknowledged, message, "was never acknowledged");
  }
  std::map<std::string, std::int64_t> newest;
  for (auto const& receipt : receipts) {
    auto const found = direct.find(serial(receipt));
    if (found == direct.end()) continue;
    auto& last = newest[receipt.agent];
    if (receipt.id < last) fault(tally.wrong_order, *found->second, "came after message " + std::to_string(last));
    last = std::max(last, receipt.id);
  }
  return tally;
}

json to_json(Tally const& t) {
  return {{"sent", t.sent},
          {"received", t.received},
          {"lost", t.lost},
          {"doubled", t.doubled},
          {"wrongOrder", t.wrong_order},
          {"altered", t.altered},
          {"astray", t.astray},
          {"unsettled", t.unsettled},
          {"falseProofs", t.false_proofs},
          {"unacknowledged", t.unacknowledged},
          {"faults", t.faults}};
}

std::string describe(Tally const& t) {
  auto const part = [](char const* name, std::size_t n) { return std::string(name) + " " + std::to_string(n); };
  auto text = part("sent", t.sent) + part(", received", t.received) + part(", lost", t.lost) +
              part(", doubled", t.doubled) + part(", wrong order", t.wrong_order) + part(", altered", t.altered) +
              part(", astray", t.astray) + part(", unsettled", t.unsettled) +
              part(", falsely acknowledged", t.false_proofs) + part(", unacknowledged", t.unacknowledged) + "\n";
  for (auto const& fault : t.faults) text += "  " + fault + "\n";
  return text;
}

}  // namespace ar::chaos
