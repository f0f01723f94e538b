// A client that says exactly what a test tells it to, byte for byte, and reads with a deadline. Blocking; it
// runs on the test's thread while the server runs on its own.
#pragma once
#include "base/json.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar::test {

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  json document() const { return json::parse(body); }
};

class RawClient {
 public:
  explicit RawClient(std::filesystem::path const& socket);  ///< unix
  explicit RawClient(std::uint16_t port);                   ///< 127.0.0.1
  ~RawClient();
  RawClient(RawClient const&) = delete;
  RawClient& operator=(RawClient const&) = delete;

  /// False when the server has closed.
  bool send(std::string_view bytes);
  void end_sending();
  /// The next whole answer; throws std::runtime_error when it does not come or is malformed.
  Reply reply(bool head_only = false);
  /// Only the status line and headers.
  Reply head();
  std::string exactly(std::size_t size);
  /// What one chunk of a chunked answer holds; nothing at the last chunk or the end of the connection.
  std::optional<std::string> chunk();
  /// Whether something has come that nobody has read yet, or the connection has ended.
  bool has_answer() const;
  /// True when the server closes without sending more (waits for it).
  bool at_end();

  Reply request(std::string_view method, std::string_view target, std::vector<std::string> const& headers = {},
                std::string_view body = {});

 private:
  bool read_more();
  std::string line();
  int fd_;
  std::string buffer_;
};

/// "METHOD TARGET HTTP/1.1" with Host, Content-Length and the given headers.
std::string request_text(std::string_view method, std::string_view target, std::vector<std::string> const& headers = {},
                         std::string_view body = {});

/// Reads a stream of server-sent events.
class EventReader {
 public:
  explicit EventReader(RawClient& client) : client_(client) {}
  struct Block {
    std::int64_t id = -1;
    std::string data;
    std::string comment;
  };
  /// Nothing at the end of the stream.
  std::optional<Block> next();
  /// The next block that carries data.
  std::optional<Block> event();

 private:
  RawClient& client_;
  std::string buffer_;
};

}  // namespace ar::test
