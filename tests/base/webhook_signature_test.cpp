#include "base/http/webhook_signature.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace ar::http;

// The example of the convention's reference libraries.
TEST_CASE("ASignatureIsThatOfTheConventionsExample") {
  auto const key = webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  CHECK(key.size() == 24);
  CHECK(webhook_signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})") ==
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST_CASE("ASignatureCoversIdTimeAndBody") {
  std::string const key = "Jefe";
  auto const one = webhook_signature(key, "a", 1, "b");
  CHECK(one == webhook_signature(key, "a", 1, "b"));
  std::set<std::string> const others{webhook_signature(key, "x", 1, "b"), webhook_signature(key, "a", 2, "b"),
                                     webhook_signature(key, "a", 1, ""), webhook_signature("other", "a", 1, "b")};
  CHECK(others.size() == 4);
  CHECK_FALSE(others.contains(one));
}

TEST_CASE("ASecretIsMadeOnceAndChecked") {
  auto const first = new_webhook_secret(), second = new_webhook_secret();
  CHECK(first != second);
  CHECK(webhook_key(first).size() == 32);
  CHECK(webhook_secret_problem(first).empty());
  for (auto const* wrong :
       {"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La aSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS\n", "whsec_AAAA",
        "whsec_====", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaL===", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS-"}) {
    CAPTURE(wrong);
    CHECK_FALSE(webhook_secret_problem(wrong).empty());
  }
  auto const large = "whsec_" + std::string(88, 'A');
  CHECK(webhook_key(large).size() == 66);
  CHECK_FALSE(webhook_secret_problem(large).empty());
}
