// One connection to a Codex app server: JSON-RPC, one message in each WebSocket text frame, over its unix
// socket. Knows nothing of what the messages mean. io thread only.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace ar::adapters::codex {

class Connection {
 public:
  /// A notification ("method", no "id") or a request of the server's ("method" and "id"). `connection_lost`
  /// when the server has gone; code `codex_error` is the server's own refusal, in its words.
  using OnFrame = std::function<void(json const& frame)>;

  /// Errors: no_server (nobody listens there yet), not_codex (it speaks something else).
  static awaitable<Result<std::shared_ptr<Connection>>> open(Executor executor, std::filesystem::path socket,
                                                             OnFrame on_frame);
  virtual ~Connection() = default;

  /// The result of a request. Errors: codex_error, connection_lost, timeout. After the last two the server
  /// may have done it.
  virtual awaitable<Result<json>> call(std::string method, json params,
                                       Clock::duration limit = std::chrono::seconds(30)) = 0;
  /// The answer to a request of the server's.
  virtual void respond(json const& id, json result) = 0;
  virtual void refuse(json const& id, std::string why) = 0;
  virtual void notify(std::string method, json params = json::object()) = 0;
  /// Returns when the connection is no more.
  virtual awaitable<void> closed() = 0;
  virtual bool is_open() const = 0;
  virtual std::string const& why_closed() const = 0;
  /// Ends it; await before the last reference goes.
  virtual awaitable<void> stop() = 0;
};

}  // namespace ar::adapters::codex
