// A stub of a model API (stub_*.mjs) as a process on loopback; it ends with its standard input, and so with this
// object. Throws what keeps it from starting.
#pragma once
#include "base/json.hpp"

#include <arpa/inet.h>
#include <array>
#include <fcntl.h>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ar::test {

class StubApi {
 public:
  /// `script`: its file's name in tests/e2e. `words`: what makes it run on another host, where get() does not reach it.
  explicit StubApi(std::string const& script, std::vector<std::string> words = {}) {
    std::array<int, 2> in{}, out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0)
      throw std::runtime_error("the stub of the model API gets no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    words.insert(words.end(), {"node", std::string(AR_SOURCE_DIR) + "/tests/e2e/" + script});
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::string path = "PATH=/usr/local/bin:/usr/bin:/bin";
    std::array<char*, 2> const environment{path.data(), nullptr};
    int const rc = ::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environment.data());
    posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    std::string line;
    for (char c = 0; rc == 0 && ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    ::close(out[0]);
    auto const said = json::parse(line, nullptr, false);
    if (!said.is_object()) throw std::runtime_error("the stub of the model API does not start: " + script);
    port_ = said["port"].get<int>();
  }
  ~StubApi() {
    ::close(input_);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }
  StubApi(StubApi const&) = delete;
  StubApi& operator=(StubApi const&) = delete;

  int port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  json get(std::string const& path) const { return ask("GET", path, {}); }
  json post(std::string const& path, json const& body) const { return ask("POST", path, body.dump()); }

 private:
  json ask(std::string const& method, std::string const& path, std::string const& content) const {
    int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto const call =
        method + " " + path + " HTTP/1.0\r\nContent-Length: " + std::to_string(content.size()) + "\r\n\r\n" + content;
    std::string answer;
    if (::connect(fd, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0 &&
        ::write(fd, call.data(), call.size()) == static_cast<ssize_t>(call.size())) {
      std::array<char, 65536> buffer{};
      for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0;)
        answer.append(buffer.data(), static_cast<std::size_t>(n));
    }
    ::close(fd);
    auto const body = answer.find("\r\n\r\n");
    if (body == std::string::npos) throw std::runtime_error("the stub of the model API does not answer " + path);
    return json::parse(answer.substr(body + 4));
  }

  int port_ = 0;
  pid_t pid_ = -1;
  int input_ = -1;
};

}  // namespace ar::test
