// The line that goes to Claude Code's messaging socket, how it gets there, and how much of one sender may.
#include "adapters/claude/messaging_socket.hpp"

#include "base/json.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>

using namespace ar;
using namespace ar::adapters;
using namespace ar::adapters::claude;
using namespace std::chrono_literals;

namespace {

Prompt prompt_with(std::string body) {
  Prompt prompt;
  prompt.message_id = 7;
  prompt.correlation_id = "0123456789";
  prompt.from = "bob";
  prompt.kind = "chat";
  prompt.body = std::move(body);
  prompt.body_file = "/x/body";
  return prompt;
}

}  // namespace

TEST_CASE("ARecordsUuidIsMadeOfTheCorrelationId") {
  auto const uuid = record_uuid("0123456789");
  CHECK(uuid.size() == 36);
  CHECK(correlation_id_of_record(uuid) == "0123456789");
  CHECK(correlation_id_of_record("11111111-2222-4333-8444-555555555555").empty());
  CHECK(correlation_id_of_record(uuid + "0").empty());
  CHECK(correlation_id_of_record("").empty());
}

TEST_CASE("EveryCharacterGoesIntoTheLineAndNoneEndsIt") {
  std::string const body("\t\r\n\x1b[31m @x /exit \0 end", 23);
  auto const message = socket_message(prompt_with(body));
  CHECK_FALSE(message.as_file);
  CHECK(message.text.find(body) != std::string::npos);
  CHECK(message.line.find('\n') == message.line.size() - 1);
  auto const line = json::parse(message.line);
  CHECK(line["message"]["content"] == message.text);
  CHECK(line["uuid"] == record_uuid("0123456789"));
  CHECK(line["priority"] == "next");  // "now" would cut a turn off
}

TEST_CASE("WhatALineCannotHoldGoesAsAFile") {
  CHECK(socket_message(prompt_with("no \xff UTF-8")).as_file);
  CHECK(socket_message(prompt_with(std::string(300'000, 'a'))).as_file);
  CHECK_FALSE(socket_message(prompt_with(std::string(250'000, 'a'))).as_file);
  auto const controls = socket_message(prompt_with(std::string(250'000, '\x01')));
  CHECK(controls.as_file);
  CHECK(controls.line.size() < 1'048'576);
}

TEST_CASE("ASenderIsAllowedLessThanTheCliTakes") {
  SocketAllowance allowance;
  Clock::time_point const start{1h};
  int at_once = 0;
  while (at_once < 100 && allowance.take("bob", start)) ++at_once;
  CHECK(at_once == SocketAllowance::kAtOnce);
  CHECK(allowance.take("carol", start));
  CHECK_FALSE(allowance.take("bob", start + SocketAllowance::kOneIn - 1ms));
  CHECK(allowance.take("bob", start + SocketAllowance::kOneIn));
  CHECK_FALSE(allowance.take("bob", start + SocketAllowance::kOneIn));
  CHECK(allowance.take("bob", start + 10min));
}

TEST_CASE("ALineIsWrittenWholeOrNobodyListens") {
  test::TempDir dir;
  net::io_context io{1};
  auto const path = dir.path() / "msg.sock";
  std::string const line = std::string(900'000, 'x') + "\n";
  test::run(io, [&]() -> awaitable<void> {
    auto const nobody = co_await write_line(path, line);
    CHECK(nobody == Written::nothing);
    net::local::stream_protocol::acceptor acceptor(io, net::local::stream_protocol::endpoint(path.string()));
    std::string received;
    auto receive = [&]() -> awaitable<void> {
      auto [error, client] = co_await acceptor.async_accept(nothrow);
      auto buffer = net::dynamic_buffer(received);
      auto [end, size] = co_await net::async_read(client, buffer, net::transfer_all(), nothrow);
      CHECK(end == net::error::eof);
    };
    TaskGroup tasks(io.get_executor(), "receiver");
    tasks.spawn("receive", receive());
    auto const written = co_await write_line(path, line);
    CHECK(written == Written::all);
    co_await tasks.join();
    CHECK(received == line);
  });
}

TEST_CASE("APathThatIsTooLongForASocketIsNone") {
  CHECK(messaging_socket("/a") == "/a/claude/msg.sock");
  CHECK(messaging_socket(std::string(200, 'a')).empty());
}
