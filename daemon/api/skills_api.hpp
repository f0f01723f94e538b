// Skills over the control server: what is uploaded is read and checked on a thread, then kept (daemon/store/
// skill_store.hpp).
#pragma once
#include "base/worker.hpp"
#include "control/api/skills_api.hpp"
#include "daemon/services.hpp"

namespace ar::daemon {

class SkillsApi final : public control::SkillsApi {
 public:
  explicit SkillsApi(Services& services) : services_(services), files_(services.files) {}

  awaitable<Result<control::SkillAdded>> add_skill(control::NewSkill skill) override;
  awaitable<Result<json>> skills(control::SkillFilter filter) override;
  awaitable<Result<json>> skill(std::string id) override;
  awaitable<Result<json>> remove_skill(std::string id) override;

 private:
  Error gone_or(Error error, std::string const& id) const;

  Services& services_;
  Worker files_;
};

}  // namespace ar::daemon
