// Who may speak to the control server: the operator and the agents, by their tokens; and from when on.
#pragma once
#include "base/clock.hpp"
#include "control/api/authenticator.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar::daemon {

class Lineage;
class Removed;
class Supervisor;

class Access final : public control::Authenticator {
 public:
  /// `operator_token_file` is named to whoever has a wrong token.
  Access(Supervisor const& supervisor, Lineage const& lineage, Removed const& removed,
         std::filesystem::path operator_token_file);
  /// The operator is known by it until its end; none: for ever.
  void set_operator_token(std::string token, std::optional<WallTime> end);
  /// Whether the operator's token is among those that were revoked, by their SHA-256; it needs a successor then.
  bool operator_revoked(std::vector<std::string> const& hashes);
  /// All agents are taken over. Before this most requests are answered with `starting`.
  void open() { open_ = true; }
  bool is_open() const { return open_; }
  Result<void> check_open() const;

  Result<Principal> authenticate(std::string_view token) override;
  /// Or was one, when it was removed.
  bool is_descendant(std::string const& agent, std::string const& of) const override;
  /// Whether `who` may look at the agent: the operator at all, an agent at itself and its descendants.
  bool may_see(Principal const& who, std::string const& agent) const;

 private:
  Supervisor const& supervisor_;
  Lineage const& lineage_;
  Removed const& removed_;
  std::filesystem::path const operator_token_file_;
  std::string operator_token_;  ///< empty: there is none now
  std::optional<WallTime> operator_token_end_;
  bool open_ = false;
};

}  // namespace ar::daemon
