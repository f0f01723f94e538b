#include "e2e/openai_stub.hpp"

#include "base/paths.hpp"

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <array>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace ar::test {

OpenAiStub::OpenAiStub() {
  std::array<int, 2> in{}, out{};
  REQUIRE(::pipe2(in.data(), O_CLOEXEC) == 0);
  REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  auto const node = find_executable("node", "/usr/local/bin:/usr/bin:/bin");
  REQUIRE(node.has_value());
  std::vector<std::string> words{node->string(), std::string(AR_SOURCE_DIR) + "/tests/e2e/stub_openai_api.mjs"};
  std::array<char*, 3> argv{words[0].data(), words[1].data(), nullptr};
  std::string path = "PATH=/usr/bin:/bin";
  std::array<char*, 2> environment{path.data(), nullptr};
  REQUIRE(::posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, argv.data(), environment.data()) == 0);
  posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  input_ = in[1];
  std::string line;
  for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
  ::close(out[0]);
  port_ = json::parse(line)["port"].get<int>();
}

OpenAiStub::~OpenAiStub() {
  ::close(input_);
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

json OpenAiStub::get(std::string const& path) const {
  int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port_));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0);
  auto const call = "GET " + path + " HTTP/1.0\r\n\r\n";
  REQUIRE(::write(fd, call.data(), call.size()) == static_cast<ssize_t>(call.size()));
  std::string answer;
  std::array<char, 65536> buffer{};
  for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0;)
    answer.append(buffer.data(), static_cast<std::size_t>(n));
  ::close(fd);
  return json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
}

void OpenAiStub::configure(std::filesystem::path const& codex_home) const {
  std::filesystem::create_directories(codex_home);
  auto const text =
      "model = \"gpt-stub\"\nmodel_provider = \"stub\"\n"
      "[model_providers.stub]\nname = \"stub\"\nbase_url = \"http://127.0.0.1:" +
      std::to_string(port_) +
      "/v1\"\nwire_api = \"responses\"\n[analytics]\nenabled = false\n[features]\nplugins = false\n";
  REQUIRE(write_file(codex_home / "config.toml", text).has_value());
}

}  // namespace ar::test
