// One attempt over HTTP: where it may connect to, and what counts of the answer.
#include "daemon/outbox/http_sender.hpp"

#include "support/run.hpp"
#include "system/loopback_receiver.hpp"

using namespace ar;
using namespace ar::daemon;
using ar::test::LoopbackReceiver;

namespace {

struct Outside {
  LoopbackReceiver receiver;
  std::string allowed = "alice";
  net::io_context io{1};
  HttpSender sender{io.get_executor(), [this](std::string const& owner) { return owner == allowed; }};

  SendResult send(std::string url, std::string owner = "alice", std::string id = "whk_1") {
    Receiver to;
    to.id = std::move(id);
    to.owner = std::move(owner);
    to.url = std::move(url);
    std::vector<http::Header> headers{{"webhook-id", "msg_1"}};
    SendResult result;
    test::run(io, [&]() -> awaitable<void> { result = co_await sender.send(to, headers, R"({"a":1})"); });
    return result;
  }
  std::string by_name() const {
    auto const url = receiver.url("/x?y=1");
    return "http://localhost" + url.substr(url.rfind(':'));
  }
};

}  // namespace

TEST_CASE("AConnectionGoesToAddressesOnlyThatItsOwnerMayReach") {
  Outside outside;
  for (auto const& url : {outside.receiver.url(), outside.by_name()}) {
    CAPTURE(url);
    auto const refused = outside.send(url, "bob", "whk_2");
    CHECK(refused.status == 0);
    CHECK_MESSAGE(refused.error.find("stands for no address that may be connected to") != std::string::npos,
                  refused.error);
  }
  CHECK(outside.receiver.taken().empty());
  CHECK(outside.send(outside.by_name()).status == 204);
  REQUIRE(outside.receiver.taken().size() == 1);
  auto const taken = outside.receiver.taken().front();
  CHECK(taken.path == "/x?y=1");
  CHECK(taken.body == R"({"a":1})");
  CHECK(taken.id() == "msg_1");
  // What is taken back counts for the next connection.
  outside.sender.rest("whk_1");
  outside.allowed.clear();
  CHECK(outside.send(outside.by_name()).status == 0);
  CHECK(outside.receiver.taken().size() == 1);
}

TEST_CASE("OfAnAnswerTheStatusCountsAndNoRedirectIsFollowed") {
  Outside outside;
  LoopbackReceiver elsewhere;
  for (auto const& [said, status] :
       {std::pair{LoopbackReceiver::answer(200), 200},
        {LoopbackReceiver::answer(302, "Location: " + elsewhere.url() + "\r\n"), 302},
        {LoopbackReceiver::answer(401), 401},
        {LoopbackReceiver::answer(503), 503},
        {std::string("HTTP/1.1 200 X\r\nContent-Length: 4000000000\r\n\r\nand so on"), 200},
        {"HTTP/1.1 202 X\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n" + std::string(0x8000, 'x') + "\r\n", 202},
        {std::string("no HTTP\r\n\r\n"), 0},
        {LoopbackReceiver::answer(200, "X: " + std::string(100'000, 'x') + "\r\n"), 0}}) {
    CAPTURE(said.substr(0, 60));
    outside.receiver.set_answers([said](auto const&) { return said; });
    auto const result = outside.send(outside.receiver.url());
    CHECK(result.status == status);
    CHECK(result.error.empty() == (status > 0));
  }
  CHECK(elsewhere.taken().empty());
}

TEST_CASE("NobodyThereIsNoAnswer") {
  Outside outside;
  outside.receiver.close();
  CHECK(outside.send(outside.receiver.url()).error.find("nobody answers") != std::string::npos);
  CHECK(outside.send("no url").error.find("no url") != std::string::npos);
}
