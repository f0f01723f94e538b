// The outputs of sessions: files that their agents have made (docs/outputs.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/http/peer.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace ar::control {

struct OutputQuery {
  std::optional<std::string> name{};  ///< a pattern with * and ?
  std::optional<std::string> type{};  ///< "image/png", "image/*"
  std::int64_t since = 0;             ///< captured then or later, ms since 1970
  std::int64_t after = 0;
  int limit = 100;
};

/// Bytes that are made, or read, while they are sent.
struct Download {
  std::string file_name;  ///< for the client: safe in a header and in a folder
  std::string content_type;
  /// Ends early when the client has gone. An error: what was sent is not whole.
  std::function<awaitable<Result<void>>(http::Peer&)> send;
};

/// io thread only. A session has its agent's id. Errors: no_such_agent.
class OutputsApi {
 public:
  virtual ~OutputsApi() = default;
  virtual awaitable<Result<json>> outputs(std::string session,
                                          OutputQuery query) = 0;  ///< {outputs, missing, nextCursor?}
  virtual awaitable<Result<Download>> output(std::string session, std::string id) = 0;  ///< Error: unknown_output
  virtual awaitable<Result<Download>> archive(std::string session) = 0;                 ///< Error: run_not_started
};

}  // namespace ar::control
