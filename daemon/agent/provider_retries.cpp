#include "daemon/agent/provider_retries.hpp"

#include "daemon/limits/service_failure.hpp"
#include "daemon/store/event_log.hpp"

namespace ar::daemon {
namespace {

json described(adapters::Retrying const& retry) {
  json shown = {{"attempt", retry.attempt}};
  if (retry.most > 0) shown["most"] = retry.most;
  if (!retry.error_kind.empty()) {
    auto const code = service_failure(retry.error_kind);
    shown["kind"] = code.empty() ? std::string_view(retry.error_kind) : code;
  }
  return shown;
}

}  // namespace

void ProviderRetries::heard(adapters::Retrying const& retry) {
  if (retry.attempt == 0) return now_.reset();
  if (!now_) since_ = wall_now();
  now_ = last_ = retry;
  if (++times_ > 1) return;
  auto told = described(retry);
  told["message"] = retry.error;
  services_.events.append(agent_, "provider.retrying", std::move(told));
}

void ProviderRetries::turn_over(std::int64_t turn) {
  now_.reset();
  if (times_ == 0) return;
  auto told = described(*last_);
  told["message"] = last_->error;
  told["turn"] = turn;
  told["times"] = times_;
  services_.events.append(agent_, "provider.retried", std::move(told));
  last_.reset();
  times_ = 0;
}

json ProviderRetries::shown() const {
  if (!now_) return nullptr;
  auto shown = described(*now_);
  shown["error"] = now_->error;
  shown["since"] = to_iso8601(since_);
  return shown;
}

}  // namespace ar::daemon
