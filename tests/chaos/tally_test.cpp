// The judge has to see every fault: chaos is worth what its counting is worth.
#include "chaos/tally.hpp"

#include "chaos/body.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::chaos;

namespace {

SentMessage sent(std::int64_t serial, std::int64_t id, std::string to = "a", bool claimable = false) {
  return {serial, id, 7, std::move(to), claimable};
}
Receipt taken(std::int64_t serial, std::int64_t id, std::string agent = "a", std::uint64_t hash = 7) {
  return {std::move(agent), id, serial, hash};
}
json shown(std::int64_t id, std::int64_t serial, std::string const& state = "done", bool read = true) {
  return {{"id", id},
          {"body", std::string(kSerialMark) + std::to_string(serial)},
          {"readBy", read ? json{"a"} : json::array()},
          {"deliveries", {{{"agent", "a"}, {"state", state}}}}};
}

}  // namespace

TEST_CASE("AllReceivedOnceInOrderIsGood") {
  auto const tally =
      count({sent(1, 10), sent(2, 11), sent(3, 12, "tag:x", true)}, {taken(1, 10), taken(2, 11), taken(3, 12, "b")},
            {shown(10, 1), shown(11, 2, "failed"), shown(12, 3)});
  CHECK_MESSAGE(tally.good(), describe(tally));
  CHECK(tally.sent == 3);
  CHECK(tally.received == 3);
}

TEST_CASE("EachFaultIsSeen") {
  auto const one = std::vector<SentMessage>{sent(1, 10)};
  CHECK(count(one, {}, {shown(10, 1, "held", false)}).lost == 1);
  CHECK(count(one, {}, {shown(10, 1, "held", false)}).unsettled == 1);
  CHECK(count(one, {}, {shown(10, 1)}).false_proofs == 1);
  CHECK(count(one, {taken(1, 10), taken(1, 10)}, {shown(10, 1)}).doubled == 1);
  CHECK(count(one, {taken(1, 10)}, {shown(10, 1), shown(11, 1, "queued", false)}).doubled == 1);
  CHECK(count(one, {taken(1, 10, "a", 8)}, {shown(10, 1)}).altered == 1);
  CHECK(count(one, {taken(1, 10, "b")}, {shown(10, 1)}).astray == 1);
  CHECK(count(one, {taken(1, 10)}, {shown(10, 1, "unknown", false)}).unacknowledged == 1);
  CHECK(count(one, {taken(1, 10)}, {shown(10, 1, "unverified")}).unsettled == 1);
  CHECK(count(one, {taken(1, 10)}, {}).unsettled == 1);
}

TEST_CASE("OrderIsThatOfTheBusAndOnlyWithinOneAgent") {
  std::vector<SentMessage> const two{sent(1, 11), sent(2, 10)};
  std::vector<json> const both{shown(10, 2), shown(11, 1)};
  CHECK(count(two, {taken(2, 10), taken(1, 11)}, both).wrong_order == 0);
  CHECK(count(two, {taken(1, 11), taken(2, 10)}, both).wrong_order == 1);
  std::vector<SentMessage> const apart{sent(1, 11), sent(2, 10, "b")};
  CHECK(count(apart, {taken(1, 11), taken(2, 10, "b")}, both).wrong_order == 0);
}

TEST_CASE("AReceiptWithoutASerialIsKnownByItsId") {
  auto const tally = count({sent(5, 10)}, {taken(0, 10, "a", 0)}, {shown(10, 5)});
  CHECK_MESSAGE(tally.good(), describe(tally));
}
