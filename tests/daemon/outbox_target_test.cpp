// Where receivers may be: the table of addresses, and what of a URL is refused at once.
#include "daemon/outbox/target.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace ar;
using namespace ar::daemon;

TEST_CASE("EachAddressIsAnybodysNearOrNoReceivers") {
  struct Row {
    char const* address;
    Reach reach;
  };
  for (auto const& [address, reach] : {Row{"93.184.216.34", Reach::open},
                                       {"1.1.1.1", Reach::open},
                                       {"172.15.255.255", Reach::open},
                                       {"172.32.0.0", Reach::open},
                                       {"100.128.0.0", Reach::open},
                                       {"223.255.255.255", Reach::open},
                                       {"127.0.0.1", Reach::near},
                                       {"127.255.255.254", Reach::near},
                                       {"10.0.0.1", Reach::near},
                                       {"172.16.0.1", Reach::near},
                                       {"172.31.255.255", Reach::near},
                                       {"192.168.1.1", Reach::near},
                                       {"100.64.0.1", Reach::near},
                                       {"100.100.100.200", Reach::never},
                                       {"0.0.0.0", Reach::never},
                                       {"0.1.2.3", Reach::never},
                                       {"169.254.169.254", Reach::never},
                                       {"169.254.0.1", Reach::never},
                                       {"192.0.0.192", Reach::never},
                                       {"192.0.2.1", Reach::never},
                                       {"198.18.0.1", Reach::never},
                                       {"198.51.100.1", Reach::never},
                                       {"203.0.113.1", Reach::never},
                                       {"224.0.0.1", Reach::never},
                                       {"240.0.0.1", Reach::never},
                                       {"255.255.255.255", Reach::never},
                                       {"2606:4700::1", Reach::open},
                                       {"2001:200::1", Reach::open},
                                       {"::1", Reach::near},
                                       {"fc00::1", Reach::near},
                                       {"fd12:3456::1", Reach::near},
                                       {"fd00:ec2::254", Reach::never},
                                       {"::", Reach::never},
                                       {"::2", Reach::never},
                                       {"::127.0.0.1", Reach::never},
                                       {"fe80::1", Reach::never},
                                       {"fe80::1%lo", Reach::never},
                                       {"fec0::1", Reach::never},
                                       {"ff02::1", Reach::never},
                                       {"2001:db8::1", Reach::never},
                                       {"2001::1", Reach::never},
                                       {"100::1", Reach::never},
                                       {"::ffff:93.184.216.34", Reach::open},
                                       {"::ffff:127.0.0.1", Reach::near},
                                       {"::ffff:169.254.169.254", Reach::never},
                                       {"::ffff:0.0.0.0", Reach::never},
                                       {"64:ff9b::127.0.0.1", Reach::near},
                                       {"64:ff9b::a9fe:a9fe", Reach::never},
                                       {"64:ff9b:1::1", Reach::never},
                                       {"2002:7f00:1::", Reach::near},
                                       {"2002:a9fe:a9fe::1", Reach::never},
                                       {"no address", Reach::never},
                                       {"", Reach::never},
                                       {"2130706433", Reach::never}}) {
    CAPTURE(address);
    CHECK(static_cast<int>(reach_of(address)) == static_cast<int>(reach));
  }
}

TEST_CASE("PlainHttpStaysInPrivateNetworks") {
  CHECK(may_connect("1.1.1.1", true, false));
  CHECK_FALSE(may_connect("1.1.1.1", false, false));
  CHECK_FALSE(may_connect("1.1.1.1", false, true));
  for (bool const secure : {false, true}) {
    CHECK_FALSE(may_connect("127.0.0.1", secure, false));
    CHECK(may_connect("127.0.0.1", secure, true));
    CHECK_FALSE(may_connect("169.254.169.254", secure, true));
    CHECK_FALSE(may_connect("0.0.0.0", secure, true));
  }
}

TEST_CASE("AUrlIsReadWithItsQuery") {
  auto const whole = read_target("https://Hooks.example:8443/a/b?c=d&e=%20");
  REQUIRE(whole.has_value());
  CHECK(whole->endpoint.secure);
  CHECK(whole->endpoint.host == "Hooks.example");
  CHECK(whole->endpoint.port == 8443);
  CHECK(whole->endpoint.path.empty());
  CHECK(whole->path == "/a/b?c=d&e=%20");
  CHECK(read_target("https://hooks.example")->path == "/");
  CHECK(read_target("https://hooks.example?x")->path == "/?x");
  CHECK(read_target("http://[::1]:80/x")->endpoint.host == "::1");
}

TEST_CASE("WhatIsNoReceiversUrlIsRefusedAtOnce") {
  struct Row {
    std::string url;
    char const* without;  ///< the code where private addresses are not allowed; empty: it is taken
    char const* with;
  };
  char const* const bad = "invalid_argument";
  char const* const refused = "address_refused";
  for (auto const& [url, without, with] : {Row{"https://hooks.example/x", "", ""},
                                           {"http://hooks.example/x", bad, ""},  // it may stand for a private address
                                           {"http://1.1.1.1/x", bad, bad},
                                           {"https://127.0.0.1/x", refused, ""},
                                           {"http://127.0.0.1:80/x", refused, ""},
                                           {"https://localhost:1/x", refused, ""},
                                           {"https://a.localhost/x", refused, ""},
                                           {"https://[::1]/x", refused, ""},
                                           {"https://[::ffff:10.0.0.1]/x", refused, ""},
                                           {"https://169.254.169.254/latest", refused, refused},
                                           {"https://0.0.0.0/", refused, refused},
                                           {"https://[fe80::1]/", refused, refused},
                                           {"ftp://hooks.example/", bad, bad},
                                           {"hooks.example/x", bad, bad},
                                           {"https://", bad, bad},
                                           {"https:///x", bad, bad},
                                           {"https://u:p@hooks.example/", bad, bad},
                                           {"https://hooks.example/#x", bad, bad},
                                           {"https://hooks.example/a b", bad, bad},
                                           {"https://hooks.example/\r\nx: y", bad, bad},
                                           {"https://hooks.example/\xc3\xa9", bad, bad},
                                           {"https://hooks.example:0/", bad, bad},
                                           {"https://hooks.example:99999/", bad, bad},
                                           {"", bad, bad},
                                           {"https://hooks.example/" + std::string(2048, 'x'), bad, bad}}) {
    CAPTURE(url);
    for (bool const allowed : {false, true}) {
      auto const checked = check_target(url, allowed);
      CHECK((checked ? "" : checked.error().code) == std::string(allowed ? with : without));
      if (!checked) CHECK(checked.error().field == "url");
    }
  }
}
