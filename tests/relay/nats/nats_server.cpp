#include "relay/nats/nats_server.hpp"

#include "base/paths.hpp"

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <fstream>
#include <netinet/in.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace ar::relay::test {
namespace {

using namespace std::chrono_literals;

/// Free now; servers of tests that run beside us take theirs in the same way, so a clash shows as "in use".
int free_port() {
  int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

std::string content_of(std::filesystem::path const& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Debian's package puts it where an ordinary user's PATH does not look.
Result<std::filesystem::path> find_server() {
  return find_executable("nats-server", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin");
}

}  // namespace

bool NatsServer::installed() { return find_server().has_value(); }

NatsServer::NatsServer(Setup setup) : setup_(std::move(setup)), port_(free_port()) { start(); }

NatsServer::~NatsServer() { kill(); }

std::string NatsServer::url() const { return "nats://" + setup_.address + ":" + std::to_string(port_); }

NatsOptions NatsServer::options() const {
  NatsOptions options;
  options.url = url();
  options.connect_timeout = 2s;
  options.request_timeout = 3s;
  options.ping_interval = 1s;
  return options;
}

void NatsServer::start() {
  auto const config = folder_.path() / "nats.conf";
  auto const log = folder_.path() / "nats.log";
  auto const store = setup_.store.empty() ? (folder_.path() / "store").string() : setup_.store;
  std::ofstream out(config);
  out << "listen: \"" << setup_.address << ":" << port_ << "\"\nserver_name: \"of-a-test\"\nlog_file: \""
      << log.string() << "\"\n";
  if (setup_.jetstream) out << "jetstream { store_dir: \"" << store << "\" }\n";
  out << setup_.config << "\n";
  out.close();
  std::filesystem::remove(log);
  auto const server = find_server();
  REQUIRE_MESSAGE(server.has_value(), "nats-server is missing; scripts/install-deps --tests installs it");
  auto const parent = ::getpid();
  auto words = setup_.prefix;
  words.insert(words.end(), {server->string(), "-c", config.string()});
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_ = ::fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::execvp(argv.front(), argv.data());
    ::_exit(127);
  }
  for (auto const end = std::chrono::steady_clock::now() + 30s; std::chrono::steady_clock::now() < end;) {
    if (content_of(log).find("Server is ready") != std::string::npos) return;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) break;
    std::this_thread::sleep_for(5ms);
  }
  pid_ = -1;
  FAIL("nats-server did not start: " << content_of(log));
}

void NatsServer::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}
void NatsServer::pause() {
  ::kill(pid_, SIGSTOP);
  // kill() comes back before the last thread stands still, and that one may answer one more request.
  ::waitpid(pid_, nullptr, WUNTRACED);
}
void NatsServer::proceed() { ::kill(pid_, SIGCONT); }

}  // namespace ar::relay::test
