#include "relay/nats/nats_server.hpp"

#include "base/paths.hpp"

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <fstream>
#include <netinet/in.h>
#include <random>
#include <sstream>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace ar::relay::test {
namespace {

using namespace std::chrono_literals;

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

int free_port() {
  static std::mt19937 random(std::random_device{}());
  for (;;) {
    int const port = std::uniform_int_distribution<int>(10'000, 32'000)(random);
    int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    bool const free = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    if (free) return port;
  }
}

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

void NatsServer::write_config() const {
  auto const store = setup_.store.empty() ? (folder_.path() / "store").string() : setup_.store;
  std::ofstream out(folder_.path() / "nats.conf");
  out << "listen: \"" << setup_.address << ":" << port_ << "\"\nserver_name: \"" << setup_.name << "\"\nlog_file: \""
      << log().string() << "\"\n";
  if (setup_.jetstream) out << "jetstream { store_dir: \"" << store << "\" }\n";
  out << setup_.config << "\n";
}

void NatsServer::reload(std::string config) {
  setup_.config = std::move(config);
  write_config();
  ::kill(pid_, SIGHUP);
  for (auto const end = std::chrono::steady_clock::now() + 30s; std::chrono::steady_clock::now() < end;) {
    auto const said = content_of(log());
    if (said.find("Reloaded server configuration") != std::string::npos) return;
    if (said.find("Failed to reload") != std::string::npos) break;
    std::this_thread::sleep_for(5ms);
  }
  FAIL("nats-server did not take its new configuration: " << content_of(log()));
}

void NatsServer::start() {
  write_config();
  auto const config = folder_.path() / "nats.conf";
  std::filesystem::remove(log());
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
    if (content_of(log()).find("Server is ready") != std::string::npos) return;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) break;
    std::this_thread::sleep_for(5ms);
  }
  pid_ = -1;
  FAIL("nats-server did not start: " << content_of(log()));
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
