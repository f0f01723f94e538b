#include "base/http/resolve.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <netdb.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace ar::http {
namespace {

/// Shared by who waits and the system's thread, and gone with the last of them.
struct Lookup {
  explicit Lookup(std::string name) : host(std::move(name)) {
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    request.ar_name = host.c_str();
    request.ar_request = &hints;
  }
  ~Lookup() {
    if (request.ar_result) ::freeaddrinfo(request.ar_result);
    if (done >= 0) ::close(done);
  }
  Lookup(Lookup const&) = delete;
  Lookup& operator=(Lookup const&) = delete;

  std::string const host;
  addrinfo hints{};
  gaicb request{};
  int done = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);  ///< readable once there is a result
};

/// On a thread of the system's.
void tell(sigval value) {
  std::unique_ptr<std::shared_ptr<Lookup>> const own(static_cast<std::shared_ptr<Lookup>*>(value.sival_ptr));
  (void)::eventfd_write((*own)->done, 1);
}

Error not_found_by_name(std::string const& host, std::string const& why) {
  return unavailable("server_unreachable", "cannot find " + host + ": " + why);
}

}  // namespace

awaitable<Result<std::vector<net::ip::address>>> addresses_of(std::string host) {
  std::vector<net::ip::address> found;
  error_code no_address;
  if (auto const address = net::ip::make_address(host, no_address); !no_address) {
    found.push_back(address);
    co_return found;
  }
  auto const lookup = std::make_shared<Lookup>(host);
  int const fd = lookup->done < 0 ? -1 : ::fcntl(lookup->done, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) co_return from_errno("cannot look up " + host, errno);
  net::posix::stream_descriptor done(co_await net::this_coro::executor, fd);
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_notify_function = tell;
  auto for_tell = std::make_unique<std::shared_ptr<Lookup>>(lookup);
  event.sigev_value.sival_ptr = for_tell.get();
  gaicb* list[] = {&lookup->request};
  if (int const refused = ::getaddrinfo_a(GAI_NOWAIT, list, 1, &event); refused != 0)
    co_return not_found_by_name(host, ::gai_strerror(refused));
  (void)for_tell.release();  // tell() has it from here on
  auto const [failed] = co_await done.async_wait(net::posix::descriptor_base::wait_read, nothrow);
  if (failed) co_return not_found_by_name(host, failed.message());
  if (int const result = ::gai_error(&lookup->request); result != 0)
    co_return not_found_by_name(host, ::gai_strerror(result));
  for (auto const* at = lookup->request.ar_result; at; at = at->ai_next) {
    net::ip::tcp::endpoint endpoint;
    if (at->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), at->ai_addr, at->ai_addrlen);
    found.push_back(endpoint.address());
  }
  co_return found;
}

}  // namespace ar::http
