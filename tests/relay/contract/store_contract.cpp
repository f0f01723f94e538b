// Whose the numbers of messages are: a store has a name, and another one has another.
#include "relay/contract/contract.hpp"

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;

TEST_CASE("StoreKeepsItsNameAndAnotherHasAnother") {
  Contract t;
  auto const name = t.bus().store().id;
  CHECK_FALSE(name.empty());
  CHECK(name != t.bus().store().formerly);
  auto const first = t.send(message_to("worker")).id;
  t.restart();
  CHECK(t.bus().store().id == name);
  CHECK(t.unread(agent("worker")) == std::vector{first});

  t.replace_store();
  CHECK_FALSE(t.bus().store().id.empty());
  CHECK(t.bus().store().id != name);
  CHECK(t.unread(agent("worker")).empty());
  // The same number, and another message.
  CHECK(t.send(message_to("worker")).id == first);
}

TEST_CASE("StoreTellsHowFarItsNumbersGo") {
  Contract t;
  CHECK(t.bus().store().newest == 0);
  MessageId last = 0;
  for (int i = 0; i < 3; ++i) last = t.send(message_to("worker")).id;
  t.restart();
  CHECK(t.bus().store().newest == last);
}
