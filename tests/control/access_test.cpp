#include "control/access.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::control;
using http::bearer_token;

TEST_CASE("OnlyLoopbackNamesAreHosts") {
  for (auto const* good :
       {"localhost", "LocalHost", "127.0.0.1", "[::1]", "localhost:1", "127.0.0.1:65535", "[::1]:80"})
    CHECK_MESSAGE(is_loopback_host(good), good);
  for (auto const* bad : {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.2",
                          "0.0.0.0", "::1", "[::2]", "localhost:", "localhost:0", "localhost:65536", "localhost:x",
                          "localhost:80:80", "evil@localhost", "localhost "})
    CHECK_FALSE_MESSAGE(is_loopback_host(bad), bad);
}

TEST_CASE("OnlyTheServersOwnOriginIsTaken") {
  for (auto const* good : {"http://localhost:8080", "http://127.0.0.1:8080", "HTTP://[::1]:8080"})
    CHECK_MESSAGE(is_own_origin(good, 8080), good);
  for (auto const* bad : {"", "null", "http://localhost", "http://localhost:8081", "https://localhost:8080",
                          "http://evil.example:8080", "http://localhost:8080/", "localhost:8080"})
    CHECK_FALSE_MESSAGE(is_own_origin(bad, 8080), bad);
}

TEST_CASE("HostIsNeededOverTcpAndAnythingOnTheUnixSocket") {
  Request request;
  CHECK(check_host_and_origin(request, 1)->code == "bad_host");
  request.headers = {{"host", "evil.example"}};
  CHECK(check_host_and_origin(request, 1)->code == "bad_host");
  request.over_unix = true;
  CHECK_FALSE(check_host_and_origin(request, 1).has_value());
  request.headers = {{"origin", "http://evil.example"}};
  CHECK(check_host_and_origin(request, 1)->code == "bad_origin");
}

TEST_CASE("BearerTokensAreReadStrictly") {
  auto const token = [](char const* value) -> std::string {
    Request request;
    request.headers = {{"authorization", value}};
    auto const result = bearer_token(request);
    return result ? std::string(result->value_or("none")) : result.error().code;
  };
  CHECK(token("Bearer abc") == "abc");
  CHECK(token("bearer  abc") == "abc");
  for (auto const* bad : {"", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearerabc"})
    CHECK(token(bad) == "bad_authorization");
  CHECK_FALSE(bearer_token(Request{})->has_value());
}
