#include "daemon/outbox/target.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace ar::daemon {
namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t kLongestUrl = 2048;

struct Range4 {
  std::uint32_t first;
  int bits;
  Reach reach;
};
constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}
/// What is not anybody's; the first that fits counts.
constexpr Range4 kRanges4[] = {
    {v4(100, 100, 100, 200), 32, Reach::never},  // a cloud's metadata
    {v4(0, 0, 0, 0), 8, Reach::never},          {v4(10, 0, 0, 0), 8, Reach::near},
    {v4(100, 64, 0, 0), 10, Reach::near},       {v4(127, 0, 0, 0), 8, Reach::near},
    {v4(169, 254, 0, 0), 16, Reach::never},  // link-local, and the metadata of most clouds
    {v4(172, 16, 0, 0), 12, Reach::near},       {v4(192, 0, 0, 0), 24, Reach::never},
    {v4(192, 0, 2, 0), 24, Reach::never},       {v4(192, 88, 99, 0), 24, Reach::never},
    {v4(192, 168, 0, 0), 16, Reach::near},      {v4(198, 18, 0, 0), 15, Reach::never},
    {v4(198, 51, 100, 0), 24, Reach::never},    {v4(203, 0, 113, 0), 24, Reach::never},
    {v4(224, 0, 0, 0), 3, Reach::never},  // multicast, reserved, broadcast
};

struct Range6 {
  char const* first;
  int bits;
  Reach reach;
};
constexpr Range6 kRanges6[] = {
    {"fd00:ec2::", 32, Reach::never},  // a cloud's metadata
    {"::1", 128, Reach::near},        {"fc00::", 7, Reach::near},
    {"2001::", 23, Reach::never},  // Teredo, and others for protocols
    {"2001:db8::", 32, Reach::never}, {"3fff::", 20, Reach::never},
};

Reach reach_of(ip::address_v4 const& address) {
  auto const number = address.to_uint();
  for (auto const& range : kRanges4)
    if ((number ^ range.first) >> (32 - range.bits) == 0) return range.reach;
  return Reach::open;
}

bool begins_with(ip::address_v6::bytes_type const& bytes, ip::address_v6::bytes_type const& first, int bits) {
  for (int bit = 0; bit < bits; ++bit) {
    auto const at = static_cast<std::size_t>(bit / 8);
    if (((bytes[at] ^ first[at]) & (0x80 >> (bit % 8))) != 0) return false;
  }
  return true;
}

ip::address_v4 v4_at(ip::address_v6::bytes_type const& bytes, std::size_t at) {
  return ip::address_v4({bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]});
}

Reach reach_of(ip::address_v6 const& address) {
  auto const bytes = address.to_bytes();
  auto const within = [&](char const* first, int bits) {
    return begins_with(bytes, ip::make_address_v6(first).to_bytes(), bits);
  };
  for (auto const& range : kRanges6)
    if (within(range.first, range.bits)) return range.reach;
  // These carry an IPv4 address: mapped, translated, 6to4.
  if (within("::ffff:0:0", 96) || within("64:ff9b::", 96)) return reach_of(v4_at(bytes, 12));
  if (within("2002::", 16)) return reach_of(v4_at(bytes, 2));
  // The rest of what is given out to anybody lies in 2000::/3.
  return within("2000::", 3) ? Reach::open : Reach::never;
}

Error bad_url(std::string_view url, char const* why) {
  return invalid("url", "the URL \"" + std::string(url.substr(0, 200)) + "\" " + why +
                            "; write it like https://hooks.example/agents");
}

}  // namespace

Reach reach_of(std::string_view address) {
  boost::system::error_code ec;
  auto const read = ip::make_address(address, ec);
  if (ec) return Reach::never;
  return read.is_v4() ? reach_of(read.to_v4()) : reach_of(read.to_v6());
}

bool may_connect(std::string_view address, bool secure, bool near_allowed) {
  auto const reach = reach_of(address);
  return reach == Reach::near ? near_allowed : reach == Reach::open && secure;
}

Result<Target> read_target(std::string_view url) {
  if (url.size() > kLongestUrl) return bad_url(url, "is longer than 2048 bytes");
  if (!std::ranges::all_of(url, [](char c) { return c > ' ' && c < 127; }))
    return bad_url(url, "has something else than ASCII without blanks");
  auto const scheme = url.find("://");
  if (scheme == std::string_view::npos) return bad_url(url, "does not begin with https://");
  auto const path = std::min(url.find_first_of("/?#", scheme + 3), url.size());
  if (url.find('#') != std::string_view::npos) return bad_url(url, "has a fragment, which no server gets");
  if (url.substr(0, path).find('@') != std::string_view::npos) return bad_url(url, "names a user, which is not sent");
  auto endpoint = http::parse_endpoint(url.substr(0, path));
  if (!endpoint) return bad_url(url, "is none");
  std::string target(url.substr(path));
  if (!target.starts_with('/')) target.insert(0, "/");
  return Target{std::move(*endpoint), std::move(target)};
}

Result<void> check_target(std::string_view url, bool near_allowed) {
  auto const target = read_target(url);
  if (!target) return target.error();
  auto const& host = target->endpoint.host;
  auto const refused = [&](std::string why) {
    return Error{ErrorKind::forbidden, "address_refused", std::move(why), "url"};
  };
  auto const near = refused(host +
                            " is, or may be, this machine or a private network, where nothing is sent to for you; "
                            "webhooks.private_addresses in the configuration allows it");
  boost::system::error_code ec;
  (void)ip::make_address(host, ec);
  if (!ec && reach_of(host) == Reach::never) return refused(host + " is no address that a receiver can have");
  if (!ec && reach_of(host) == Reach::near && !near_allowed) return near;
  if ((host == "localhost" || host.ends_with(".localhost")) && !near_allowed) return near;
  if (target->endpoint.secure) return {};
  // Plain HTTP stays within private networks.
  if (!near_allowed || (!ec && reach_of(host) == Reach::open))
    return invalid("url", "the URL begins with http://: what is sent to others goes over https:// only");
  return {};
}

}  // namespace ar::daemon
