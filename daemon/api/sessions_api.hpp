// Agents as sessions: the same agents, messages and turns, in the words of a program that drives one.
#pragma once
#include "base/worker.hpp"
#include "control/api/sessions_api.hpp"
#include "daemon/api/access.hpp"
#include "daemon/api/attachments_api.hpp"
#include "daemon/api/messages_api.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/services.hpp"

#include <string>
#include <vector>

namespace ar::daemon {

class SessionsApi final : public control::SessionsApi {
 public:
  SessionsApi(Services& services, Supervisor& supervisor, Access const& access, MessagesApi& messages,
              AttachmentsApi& attachments)
      : services_(services),
        supervisor_(supervisor),
        access_(access),
        messages_(messages),
        attachments_(attachments),
        files_(services.files) {}

  awaitable<Result<void>> check_input(Principal who, control::SessionInput const& input) override;
  awaitable<Result<control::OpenedSession>> open(Principal who, json specification, IdempotencyKey key) override;
  awaitable<Result<json>> sessions(Principal who, Page page) override;
  awaitable<Result<json>> session(std::string id) override;
  awaitable<Result<control::SentInput>> send(Principal who, std::string id, control::SessionInput input,
                                             IdempotencyKey key) override;
  awaitable<Result<json>> result_of(Principal who, std::string id, std::int64_t message) override;
  awaitable<Result<json>> turns(std::string id, Page page) override;
  awaitable<Result<json>> cancel(std::string id, std::string reason) override;
  awaitable<Result<json>> close(std::string id) override;
  awaitable<Result<json>> take_back(std::string id) override;

 private:
  awaitable<Result<void>> check_file(Principal who, control::InputFile file);
  awaitable<Result<std::string>> put(Principal who, control::InputFile file);
  awaitable<Result<void>> check_schema(json schema);
  awaitable<void> wait_until_at_rest(std::string id);
  awaitable<Result<std::vector<json>>> read_turns(std::string id, std::int64_t before, int limit);

  Services& services_;
  Supervisor& supervisor_;
  Access const& access_;
  MessagesApi& messages_;
  AttachmentsApi& attachments_;
  Worker files_;
};

}  // namespace ar::daemon
