// A stand-in for the daemon: HTTP/1.1 on a unix socket, answering from a function. Knows nothing of control/,
// so that the command line is tested against the wire as documented.
#pragma once
#include "base/json.hpp"

#include <atomic>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace ar::test {

struct FakeRequest {
  std::string method, path, query;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;

  json object() const { return json::parse(body, nullptr, false); }
};

class FakeDaemon;

/// A streamed answer being written; on its connection's own thread.
class FakeStream {
 public:
  FakeStream(int fd, FakeDaemon& daemon) : fd_(fd), daemon_(daemon) {}
  /// False once the client or the server has gone.
  bool write(std::string_view bytes);
  /// Waits until the client goes or the server stops.
  void hold();

 private:
  int fd_;
  FakeDaemon& daemon_;
};

struct FakeReply {
  int status = 200;
  std::string body = "{}";
  std::string content_type = "application/json";
  std::function<void(FakeStream&)> stream{};  ///< instead of a body: a chunked text/event-stream
  bool breaks_off = false;                    ///< the stream has no end
  std::function<void()> sent{};               ///< called when the answer is on its way
  bool hang_up = false;                       ///< close without an answer

  FakeReply() = default;
  FakeReply(json const& value) : body(value.dump()) {}
  FakeReply(int s, json const& value) : status(s), body(value.dump()) {}
};

/// A problem document as control/ writes it.
FakeReply problem(int status, std::string const& code, std::string const& detail, std::string const& field = {});

class FakeDaemon {
 public:
  using Handler = std::function<FakeReply(FakeRequest const&)>;
  FakeDaemon(std::filesystem::path socket, Handler handler);
  ~FakeDaemon();
  FakeDaemon(FakeDaemon const&) = delete;
  FakeDaemon& operator=(FakeDaemon const&) = delete;

  std::vector<FakeRequest> requests() const;
  /// The last request to this path; a method of "" when there was none.
  FakeRequest last(std::string const& path) const;

 private:
  friend class FakeStream;
  void accept_loop();
  void serve(int fd);
  bool stopping() const { return stopping_; }

  std::filesystem::path socket_;
  Handler handler_;
  int listener_ = -1;
  int stop_[2] = {-1, -1};  ///< closing the write end wakes every poll
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<FakeRequest> requests_;
  std::list<std::thread> connections_;
  std::thread acceptor_;
};

}  // namespace ar::test
