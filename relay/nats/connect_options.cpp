// From the configuration's options to the library's; and what a server says before anybody has logged in.
#include "base/paths.hpp"
#include "relay/nats/library.hpp"

#include <cstring>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ar::relay::nats {
namespace {

constexpr char kReadAgain[] = "; correct it, it is read again at every attempt to connect";

std::vector<std::string> servers_of(std::string const& url) {
  std::vector<std::string> servers;
  for (std::size_t at = 0; at <= url.size();) {
    auto const comma = std::min(url.find(',', at), url.size());
    auto server = url.substr(at, comma - at);
    while (server.starts_with(' ')) server.erase(0, 1);
    while (server.ends_with(' ')) server.pop_back();
    if (!server.empty()) servers.push_back(std::move(server));
    at = comma + 1;
  }
  return servers;
}

Result<void> good(natsStatus status, char const* what) {
  if (status == NATS_OK) return {};
  auto const* const detail = nats_GetLastError(nullptr);
  std::string message = std::string("the NATS connection cannot use ") + what + ": " + natsStatus_GetText(status);
  if (detail && *detail) message += std::string(" (") + detail + ")";
  return invalid("relay", message + "; look at [relay] in the configuration");
}

/// The library looks at a seed only when a server asks for a signature, and then calls it "no server available".
bool is_seed(std::string const& seed) {
  unsigned char* signature = nullptr;
  int size = 0;
  bool const good = nats_Sign(seed.c_str(), "anything", &signature, &size) == NATS_OK;
  free(signature);  // NOLINT: the library's own allocation, to be freed so
  return good;
}
std::string line_after(std::string const& text, char const* mark) {
  auto const begin = text.find('\n', text.find(mark));
  if (text.find(mark) == std::string::npos || begin == std::string::npos) return {};
  auto const end = text.find_first_of("\r\n", begin + 1);
  return text.substr(begin + 1, end == std::string::npos ? end : end - begin - 1);
}

Result<void> fill_identity(natsOptions* handle, NatsOptions const& options) {
  if (!options.user.empty()) {
    auto const password =
        options.password_file.empty() ? Result<std::string>(std::string()) : read_secret(options.password_file);
    if (!password) return password.error();
    return good(natsOptions_SetUserInfo(handle, options.user.c_str(), password->c_str()), "the user and password");
  }
  if (!options.token_file.empty()) {
    auto const token = read_secret(options.token_file);
    if (!token) return token.error();
    return good(natsOptions_SetToken(handle, token->c_str()), "the token");
  }
  if (!options.nkey.empty()) {
    auto const seed = read_secret(options.nkey_seed_file);
    if (!seed) return seed.error();
    if (!is_seed(*seed))
      return invalid("relay", "the file " + options.nkey_seed_file.string() + " holds no NKey seed; it begins with SU");
    return good(natsOptions_SetNKeyFromSeed(handle, options.nkey.c_str(), options.nkey_seed_file.c_str()), "the NKey");
  }
  if (!options.credentials_file.empty()) {
    auto const text = read_file(options.credentials_file, 64U << 10);
    if (!text) return text.error();
    if (text->find("BEGIN NATS USER JWT") == std::string::npos || !is_seed(line_after(*text, "BEGIN USER NKEY SEED")))
      return invalid("relay", "the file " + options.credentials_file.string() +
                                  " holds no NATS credentials: a user's JWT and its seed, as nsc writes them");
    return good(natsOptions_SetUserCredentialsFromFiles(handle, options.credentials_file.c_str(), nullptr),
                "the credentials file");
  }
  return {};
}

Result<void> fill_tls(natsOptions* handle, NatsOptions const& options) {
  bool const wanted = options.tls || !options.tls_ca.empty() || !options.tls_certificate.empty() ||
                      options.url.find("tls://") != std::string::npos;
  if (!wanted) return {};
  if (auto const set = good(natsOptions_SetSecure(handle, true), "TLS"); !set) return set;
  // The library says only that OpenSSL failed.
  for (auto const* file : {&options.tls_ca, &options.tls_certificate, &options.tls_key}) {
    if (file->empty()) continue;
    if (auto const readable = read_file(*file, 1U << 20); !readable)
      return unavailable("nats_tls_file", readable.error().message + kReadAgain);
  }
  if (!options.tls_ca.empty())
    if (auto const set = good(natsOptions_LoadCATrustedCertificates(handle, options.tls_ca.c_str()), "tls_ca"); !set)
      return set;
  if (options.tls_certificate.empty()) return {};
  return good(natsOptions_LoadCertificatesChain(handle, options.tls_certificate.c_str(), options.tls_key.c_str()),
              "tls_certificate and tls_key");
}

int connected_socket(std::string const& host, std::string const& port, milliseconds limit) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return -1;
  int fd = -1;
  for (auto const* one = found; one && fd < 0; one = one->ai_next) {
    fd = ::socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    pollfd writable{fd, POLLOUT, 0};
    int error = 0;
    socklen_t size = sizeof error;
    bool const up = ::connect(fd, one->ai_addr, one->ai_addrlen) == 0 ||
                    (errno == EINPROGRESS && ::poll(&writable, 1, static_cast<int>(limit.count())) == 1 &&
                     ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0);
    if (!up) {
      ::close(fd);
      fd = -1;
    }
  }
  ::freeaddrinfo(found);
  return fd;
}

}  // namespace

Result<std::string> read_secret(std::filesystem::path const& file) {
  auto text = read_file(file, 64U << 10);
  if (!text) return text.error();
  auto secret = text->substr(0, text->find_first_of("\r\n"));
  if (secret.empty()) return invalid("relay", "the file " + file.string() + " is empty; its first line is the secret");
  return secret;
}

Result<void> check_options(NatsOptions const& options) {
  auto const servers = servers_of(options.url);
  if (servers.empty()) return invalid("relay.url", "relay.url is empty; name a server, as nats://host:4222");
  for (auto const& server : servers) {
    if (!server.starts_with("nats://") && !server.starts_with("tls://"))
      return invalid("relay.url", "relay.url must begin with nats:// or tls://");
    if (server.find('@') != std::string::npos)
      return invalid("relay.url", "relay.url must not hold a secret; use user and password_file, or token_file");
  }
  int const ways = (options.user.empty() ? 0 : 1) + (options.token_file.empty() ? 0 : 1) +
                   (options.nkey.empty() ? 0 : 1) + (options.credentials_file.empty() ? 0 : 1);
  if (ways > 1)
    return invalid("relay",
                   "relay names several identities; choose one of user, token_file, nkey and credentials_file");
  if (!options.nkey.empty() && options.nkey_seed_file.empty())
    return invalid("relay.nkey_seed_file", "relay.nkey needs relay.nkey_seed_file, the file with its seed");
  if (options.tls_certificate.empty() != options.tls_key.empty())
    return invalid("relay.tls_key", "relay.tls_certificate and relay.tls_key go together");
  bool const plain =
      !options.prefix.empty() && options.prefix.size() <= 64 && std::ranges::all_of(options.prefix, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
      });
  if (!plain) return invalid("relay.prefix", "relay.prefix must be 1 to 64 letters, digits, - and _");
  if (options.replicas < 1 || options.replicas > 5) return invalid("relay.replicas", "relay.replicas must be 1 to 5");
  return {};
}

Result<void> fill(natsOptions* handle, NatsOptions const& options) {
  auto const servers = servers_of(options.url);
  std::vector<char const*> urls;
  for (auto const& server : servers) urls.push_back(server.c_str());
  natsOptions_SetServers(handle, urls.data(), static_cast<int>(urls.size()));
  natsOptions_SetName(handle, "agent-runner");
  natsOptions_SetAllowReconnect(handle, false);
  natsOptions_SetTimeout(handle, options.connect_timeout.count());
  natsOptions_SetPingInterval(handle, options.ping_interval.count());
  natsOptions_SetMaxPingsOut(handle, 2);
  natsOptions_SetWriteDeadline(handle, options.request_timeout.count());
  natsOptions_SetSendAsap(handle, true);
  if (auto const identity = fill_identity(handle, options); !identity)
    return unavailable("nats_auth_failed", identity.error().message + kReadAgain);
  return fill_tls(handle, options);
}

std::string identity_of(NatsOptions const& options) {
  if (!options.user.empty())
    return "user " + options.user +
           (options.password_file.empty() ? "" : " with the password in " + options.password_file.string());
  if (!options.token_file.empty()) return "the token in " + options.token_file.string();
  if (!options.nkey.empty()) return "NKey " + options.nkey + " with the seed in " + options.nkey_seed_file.string();
  if (!options.credentials_file.empty()) return "the credentials in " + options.credentials_file.string();
  return "a connection without credentials";
}

json server_greeting(std::string const& url, milliseconds limit) {
  auto const start = url.find("://") == std::string::npos ? 0 : url.find("://") + 3;
  auto const colon = url.rfind(':');
  if (colon == std::string::npos || colon < start) return json::object();
  auto host = url.substr(start, colon - start);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  int const fd = connected_socket(host, url.substr(colon + 1), limit);
  if (fd < 0) return json::object();
  std::string text;
  char block[4096];
  auto const end = std::chrono::steady_clock::now() + limit;
  while (text.find('\n') == std::string::npos && text.size() < (64U << 10)) {
    auto const left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
    pollfd readable{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) != 1) break;
    auto const size = ::read(fd, block, sizeof block);
    if (size <= 0) break;
    text.append(block, static_cast<std::size_t>(size));
  }
  ::close(fd);
  if (!text.starts_with("INFO ")) return json::object();
  auto greeting = parse_object(text.substr(5, text.find('\n') - 5));
  return greeting ? std::move(*greeting) : json::object();
}

}  // namespace ar::relay::nats
