// Sessions: agents as a program sees them that opens one, sends it input, and reads what comes of it.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "model/idempotency.hpp"
#include "model/page.hpp"
#include "model/principal.hpp"

#include <string>

namespace ar::control {

/// A file that comes with an input: an attachment that is there, its bytes, or where it lies on this machine.
struct InputFile {
  std::string attachment{};
  std::string path{};  ///< absolute; for the operator only
  std::string name{}, media_type{}, bytes{};
  std::string place{};  ///< in the request, as input[1]
};

/// What a program has sent to a session.
struct SessionInput {
  std::string text;
  std::vector<InputFile> files{};
  json metadata = json::object();
  json output_schema = nullptr;  ///< a JSON Schema that the answer is to fit
};

struct OpenedSession {
  json session;
  bool created = true;  ///< false: the idempotency key had been used with the same body
};

struct SentInput {
  std::int64_t message = 0;
  json answer;  ///< {session, turn, eventCursor}
  bool repeated = false;
};

/// io thread only. A session has its agent's id.
class SessionsApi {
 public:
  virtual ~SessionsApi() = default;
  /// What can be told of an input before anybody gets it. Errors: invalid `outputSchema`; operator_only; of a file,
  /// with its place as the field: file_not_found, not_a_file, too_large, unknown_attachment.
  virtual awaitable<Result<void>> check_input(Principal who, SessionInput const& input) = 0;
  /// `specification`: the agent's.
  virtual awaitable<Result<OpenedSession>> open(Principal who, json specification, IdempotencyKey key) = 0;
  virtual awaitable<Result<json>> sessions(Principal who, Page page) = 0;  ///< {sessions: [...], nextCursor?}
  virtual awaitable<Result<json>> session(std::string id) = 0;
  /// An input that is good.
  virtual awaitable<Result<SentInput>> send(Principal who, std::string id, SessionInput input, IdempotencyKey key) = 0;
  /// Returns when its turn is over: {runId, status, ok, text, output, usage, costUsd, turns}.
  virtual awaitable<Result<json>> result_of(Principal who, std::string id, std::int64_t message) = 0;
  virtual awaitable<Result<json>> turns(std::string id, Page page) = 0;  ///< {turns: [...], nextCursor?}
  /// Of it and of all that it is the parent of: {session, cancelledCount}. `reason`: for who asked for what is
  /// withdrawn, and for the events; may be empty.
  virtual awaitable<Result<json>> cancel(std::string id, std::string reason) = 0;
  /// Ends its agent and forgets it.
  virtual awaitable<Result<json>> close(std::string id) = 0;
  /// The same of one that has just been opened and cannot be given its input: its key is free again.
  virtual awaitable<Result<json>> take_back(std::string id) = 0;
};

}  // namespace ar::control
