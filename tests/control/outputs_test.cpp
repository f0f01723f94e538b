// What is streamed while it is made: whole or visibly not, freed with its client, and not too often.
#include "control/rate_limit.hpp"
#include "control/test_server.hpp"
#include "support/log_lines.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::test;

TEST_CASE("AnOutputIsSavedAndNeverShown") {
  TestServer server;
  RawClient client(server.port());
  client.send("GET /v1/sessions/a/outputs/f00 HTTP/1.1\r\nHost: localhost\r\n" + as_operator[0] + "\r\n\r\n");
  auto const head = client.head();
  CHECK(head.status == 200);
  CHECK(head.headers.at("content-type") == "text/html");
  CHECK(head.headers.at("content-disposition") == "attachment; filename=\"a_b.html\"");
  CHECK(head.headers.at("x-content-type-options") == "nosniff");
  CHECK(client.chunk() == "<b>");
  CHECK_FALSE(client.chunk().has_value());
  RawClient other(server.port());
  auto const only_head = other.request("HEAD", "/v1/sessions/a/outputs/f00", as_operator);
  CHECK(only_head.status == 200);
  CHECK(only_head.body.empty());
  CHECK(other.request("GET", "/healthz").status == 200);  // nothing of the bytes is in the way
}

TEST_CASE("WhatBreaksOffIsNotTakenForWhole") {
  LogLines const log;
  TestServer server;
  RawClient client(server.socket());
  client.send("GET /v1/sessions/a/outputs/broken HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(client.head().status == 200);
  CHECK(client.exactly(8) == "3\r\n<b>\r\n");
  CHECK(client.at_end());
  CHECK(log.count("is cut off while it is sent: the disk is broken") == 1);
}

TEST_CASE("AClientThatVanishesFreesItsArchive") {
  TestServer server;
  {
    RawClient client(server.socket());
    client.send("GET /v1/sessions/a/archive HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(client.head().status == 200);
    CHECK(client.chunk().has_value());
    CHECK(server.on_io([&] { return server.daemon().archives_ended; }) == 0);
  }
  CHECK(server.eventually([&] { return server.daemon().archives_ended == 1; }));
  CHECK(server.connections_become(0));
}

TEST_CASE("ASlowReaderOfAnArchiveIsCutOff") {
  control::Limits limits;
  limits.stream_write_time = std::chrono::milliseconds(100);
  TestServer server(limits);
  RawClient client(server.socket());
  client.send("GET /v1/sessions/a/archive HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(client.head().status == 200);
  CHECK(server.eventually([&] { return server.daemon().archives_ended == 1; }));
}

TEST_CASE("ArchivesAreAskedForSoOftenAMinute") {
  control::Limits limits;
  limits.archives = {3};
  TestServer server(limits);
  RawClient client(server.socket());
  auto const ask = [&] { return client.request("GET", "/v1/sessions/b/archive"); };
  for (int i = 0; i < 3; ++i) CHECK(ask().status == 409);
  auto const refused = ask();
  CHECK(refused.status == 429);
  CHECK(refused.document()["code"] == "too_many_requests");
  auto const wait = std::stoi(refused.headers.at("retry-after"));
  CHECK(wait >= 1);
  CHECK(wait <= 60);
}

TEST_CASE("ALimitOfATimeMovesWithTheClock") {
  ManualClock clock;
  using namespace std::chrono_literals;
  control::RateLimits limits;
  control::Rate const rate{2, 60s};
  CHECK(limits.take("search by operator", rate) == 0s);
  clock.advance(40s);
  CHECK(limits.take("search by operator", rate) == 0s);
  CHECK(limits.take("search by operator", rate) == 20s);
  CHECK(limits.take("search by agent a", rate) == 0s);
  clock.advance(19s);
  CHECK(limits.take("search by operator", rate) == 1s);
  clock.advance(1s);
  CHECK(limits.take("search by operator", rate) == 0s);  // the first one is forgotten
  CHECK(limits.take("search by operator", rate) == 40s);
}
