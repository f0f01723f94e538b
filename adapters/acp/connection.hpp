// The connection to an agent's host (host/host_main.cpp) over its unix socket: the record's lines come in, frames for
// the agent go out. Knows nothing of what they mean. io thread only.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace ar::adapters::acp {

class Connection {
 public:
  /// A line of the record; `is_live`: it was written since the connection was made.
  using OnLine = std::function<void(std::string const& line, bool is_live)>;

  /// Error no_host: nobody listens there yet.
  static awaitable<Result<std::shared_ptr<Connection>>> open(Executor executor, std::filesystem::path socket,
                                                             OnLine on_line);
  virtual ~Connection() = default;

  virtual void send(json const& frame) = 0;
  /// Returns when all that was in the record before is told; false: the connection is no more.
  virtual awaitable<bool> caught_up() = 0;
  /// Returns when the connection is no more.
  virtual awaitable<void> closed() = 0;
  virtual bool is_open() const = 0;
  virtual std::string const& why_closed() const = 0;
  /// The record's file: its name.
  virtual std::string const& file() const = 0;
  /// Ends it; await before the last reference goes.
  virtual awaitable<void> stop() = 0;
};

}  // namespace ar::adapters::acp
