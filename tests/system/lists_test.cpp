// Lists of the API in pages, while their rows come.
#include "control/raw_client.hpp"
#include "system/installation.hpp"

using ar::json;
using ar::test::Installation;
using ar::test::RawClient;

TEST_CASE("PagesOfMessagesNeitherSkipNorRepeatAndEndWithTheLast") {
  Installation home;
  home.good({"up"});
  std::vector<std::int64_t> sent;
  for (auto const* text : {"one", "two", "three", "four"}) sent.push_back(home.send("later", text, {"--later"}));
  RawClient client(home.state() / "run" / "control.sock");
  auto const page = [&](std::string const& cursor) {
    return client.request("GET", "/v1/messages?limit=2" + cursor).document();
  };
  auto const first = page("");
  CHECK(first["messages"][0]["id"] == sent[3]);
  CHECK(first["messages"][1]["id"] == sent[2]);
  home.send("later", "five", {"--later"});
  auto const second = page("&cursor=" + first["nextCursor"].dump());
  REQUIRE(second["messages"].size() == 2);
  CHECK(second["messages"][0]["id"] == sent[1]);
  CHECK(second["messages"][1]["id"] == sent[0]);
  CHECK_FALSE(second.contains("nextCursor"));  // though the page is full
  auto const dead = client.request("GET", "/v1/dead?limit=1").document();
  CHECK(dead == json{{"deadLetters", json::array()}});
}
