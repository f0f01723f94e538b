// A scripted Codex app server: it listens where the real one would and does what the test says.
#pragma once
#include "base/async.hpp"
#include "base/json.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ar::test {

class AppServer {
 public:
  AppServer(Executor executor, std::filesystem::path socket);
  ~AppServer();

  /// The answer to a request: {"result": ...} or {"error": {...}}; null: none yet.
  using Answer = std::function<json(json const& params)>;
  std::map<std::string, Answer> answers;
  /// Every request and notification that came, in order.
  std::vector<json> received{};

  std::size_t count(std::string const& method) const;
  json const& last(std::string const& method) const;

  void notify(std::string const& method, json params);
  /// A frame as it is, well-formed or not.
  void send(std::string text);
  void drop();  ///< the connection; the next one is accepted
  void refuse(bool on) { refuse_ = on; }

  /// A user message of ours, as the server tells of it.
  void item(bool finished, std::string const& client_id, std::string const& turn);
  void turn_started(std::string const& turn);
  void turn_completed(std::string const& turn, std::string const& status = "completed", json error = nullptr);

  static json result(json value) { return {{"result", std::move(value)}}; }
  static json error(std::string const& message) { return {{"error", {{"code", -32600}, {"message", message}}}}; }

  std::string const thread = "thread-1";
  std::filesystem::path record{};  ///< as thread/start and thread/resume tell it
  json status = {{"type", "idle"}};
  awaitable<void> stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  bool refuse_ = false;
};

}  // namespace ar::test
