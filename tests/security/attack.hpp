// An installation that one of its own agents attacks. Each try is counted, and the sums are printed.
#pragma once
#include "control/raw_client.hpp"
#include "system/installation.hpp"

#include <sstream>

namespace ar::test {

/// An installation with the agents alice, who attacks, and bob, whose business it is.
class Attack {
 public:
  explicit Attack(std::string number) : number_(std::move(number)) {
    json const quiet = {{"command", {"/bin/cat"}}};
    home.spawn("alice", {"--options", quiet.dump()});
    home.spawn("bob", {"--options", quiet.dump(), "--tag", "late"});
    std::ifstream file(home.state() / "agents" / "alice" / "token.json");
    token_ = json::parse(file)["token"].get<std::string>();
    pid_ = home.daemon_pid();
    REQUIRE(pid_.has_value());
  }
  ~Attack() {
    CHECK(home.daemon_pid() == pid_);  // nothing of it has ended the daemon
    std::cout << number_ << ": " << tries_ << " tries, " << held_ << " held" << std::endl;
  }

  struct Answer {
    int status = 0;
    json body;
    std::string code() const { return body.is_object() ? body.value("code", "") : ""; }
  };
  /// `door`: relay, control or agents/agents. Without a token it is the operator who asks, at the first two.
  Answer ask(std::string const& door, char const* method, std::string const& path, std::string const& body,
             bool as_alice) {
    auto const file = (home.work() / "body").string();
    std::ofstream(file, std::ios::binary) << body;
    std::vector<std::string> words{"-s",
                                   "--max-time",
                                   "30",
                                   "-w",
                                   "\n%{http_code}",
                                   "--unix-socket",
                                   (home.state() / "run" / (door + ".sock")).string(),
                                   "-X",
                                   method};
    if (as_alice) words.insert(words.end(), {"-H", "Authorization: Bearer " + token_});
    if (!body.empty()) words.insert(words.end(), {"-H", "Content-Type: application/json", "--data-binary", "@" + file});
    words.push_back("http://localhost" + path);
    auto const got = home.run_program("/usr/bin/curl", words, "").out;
    auto const line = got.rfind('\n');
    REQUIRE(line != got.npos);
    return {std::atoi(got.c_str() + line + 1), json::parse(got.substr(0, line), nullptr, false)};
  }
  /// The operator, who may.
  json good(std::string const& door, char const* method, std::string const& path, json const& body = nullptr) {
    auto const answer = ask(door, method, path, body.is_null() ? "" : body.dump(), false);
    REQUIRE_MESSAGE(answer.status / 100 == 2, path, answer.body.dump());
    return answer.body;
  }
  /// A try of alice's that has to be refused with that status.
  void refused(int status, std::string const& door, char const* method, std::string const& path,
               std::string const& body = "") {
    auto const answer = ask(door, method, path, body, true);
    ++tries_;
    if (answer.status == status) ++held_;
    CHECK_MESSAGE(answer.status == status, number_, " ", door, " ", method, " ", path, " ", body.substr(0, 200), ": ",
                  answer.body.dump());
  }
  /// Any other try; `held`: it got her nothing.
  void counts(bool held, std::string const& what) {
    ++tries_;
    if (held) ++held_;
    CHECK_MESSAGE(held, number_, " ", what);
  }
  std::string const& token() const { return token_; }
  /// What she may do goes on.
  Answer allowed(std::string const& door, char const* method, std::string const& path, std::string const& body = "") {
    auto answer = ask(door, method, path, body, true);
    CHECK_MESSAGE(answer.status / 100 == 2, path, answer.body.dump());
    return answer;
  }
  std::string to(char const* name, json more) const {
    json message = {{"from", "alice"}, {"to", name}, {"body", "x"}};
    message.update(more);
    return message.dump();
  }

  /// As a path's part.
  static std::string encoded(std::string const& text) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (unsigned char const c : text) out += {'%', digits[c >> 4], digits[c & 15]};
    return out;
  }
  /// Hers, at a relay's door.
  void open_websocket(RawClient& client) const {
    client.send(
        "GET /bus HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Authorization: Bearer " +
        token_ + "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    REQUIRE(client.head().status == 101);
  }
  /// A text frame of a client, masked with nothing.
  static std::string frame(std::string const& text) {
    std::string head(1, '\x81');
    auto const size = text.size();
    int const bytes = size < 126 ? 0 : size < 65'536 ? 2 : 8;
    head += static_cast<char>(0x80 | (bytes == 0 ? size : bytes == 2 ? 126 : 127));
    for (int i = bytes - 1; i >= 0; --i) head += static_cast<char>(size >> (8 * i));
    return head + std::string(4, '\0') + text;
  }
  /// What a server sends in one; the connection's end throws.
  static std::string heard(RawClient& client) {
    auto const head = client.exactly(2);
    std::size_t size = static_cast<unsigned char>(head[1]) & 0x7F;
    if (size >= 126) {
      auto const bytes = client.exactly(size == 126 ? 2 : 8);
      size = 0;
      for (unsigned char const c : bytes) size = size << 8 | c;
    }
    return client.exactly(size);
  }
  /// Bytes of memory that the daemon has.
  std::size_t memory() const {
    std::istringstream statm(file_text("/proc/" + std::to_string(*pid_) + "/statm"));
    std::size_t all = 0, resident = 0;
    statm >> all >> resident;
    return resident * static_cast<std::size_t>(::getpagesize());
  }

  Installation home;

 private:
  std::string number_;
  std::string token_;
  std::optional<pid_t> pid_;
  int tries_ = 0, held_ = 0;
};

}  // namespace ar::test
