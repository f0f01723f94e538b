// MCP over stdin and stdout (docs/mcp.md): each line is a message for the daemon, each message of the daemon's a line.
// What the messages mean is the daemon's business. The pipe outlives it: what was under way when the daemon ended is
// asked again of the next one, under the same Idempotency-Key, and so is carried out once.
#pragma once
#include "base/json.hpp"
#include "cli/api_client.hpp"

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace ar::cli {

class McpPipe {
 public:
  /// Where the daemon is, asked at each try; any thread.
  using Where = std::function<Result<Endpoint>()>;
  explicit McpPipe(Where where) : where_(std::move(where)) {}

  /// Forwards until stdin or stdout ends. Threads may still wait for answers then: end the process without destroying
  /// it.
  void run();

 private:
  struct Line;
  void take(std::string text);
  void forward(Line const& line);
  Result<void> exchange(Line const& line);
  /// One message to the client, unless it has cancelled what it belongs to. False: it has, or it is gone.
  bool print(Line const& line, std::string_view message);
  void refuse(Line const& line, std::string const& why);

  Where const where_;
  std::mutex mutex_;  ///< of all that follows, and of stdout
  std::condition_variable fewer_;
  std::size_t under_way_ = 0;
  std::map<std::string, bool> cancelled_{};  ///< by the ids, as JSON, of the requests under way
  bool gone_ = false;                        ///< nobody reads stdout any more
};

}  // namespace ar::cli
