// The daemon's control API over its unix socket, for a client that expects the daemon to be dead at any
// moment.
#pragma once
#include "base/json.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace ar::chaos {

struct Answer {
  int status = 0;
  json body = nullptr;
  bool good() const { return status >= 200 && status < 300; }
  /// The problem's code and detail, for people.
  std::string problem() const;
};

/// Any thread may call it: each request has a connection of its own.
class Api {
 public:
  explicit Api(std::filesystem::path socket) : socket_(std::move(socket)) {}
  /// Nothing when there is no daemon, or it died before its answer was complete, or `patience` is over.
  std::optional<Answer> request(std::string const& method, std::string const& path, json const& body = nullptr,
                                std::chrono::milliseconds patience = std::chrono::seconds(10)) const;

 private:
  std::filesystem::path socket_;
};

}  // namespace ar::chaos
