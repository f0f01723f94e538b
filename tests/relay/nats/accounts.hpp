// An operator's accounts for a nats-server, made as nsc makes them: NKeys, JWTs signed with them, .creds files.
#pragma once
#include "base/clock.hpp"
#include "base/json.hpp"

#include <map>
#include <optional>
#include <string>

namespace ar::relay::test {

/// An Ed25519 key pair with NATS's names for its halves.
class NKey {
 public:
  /// `kind`: 'O' operator, 'A' account, 'U' user.
  explicit NKey(char kind);
  std::string const& name() const { return name_; }  ///< the public half: "U..."
  std::string const& seed() const { return seed_; }  ///< the private half: "SU..."
  /// `claims` are what NATS calls the "nats" part of the document.
  std::string sign(std::string const& subject, json claims, std::optional<WallTime> expires = std::nullopt) const;

 private:
  std::string secret_, name_, seed_;
};

/// An operator with an account that has JetStream, and the system account that a server wants.
class Accounts {
 public:
  Accounts();
  /// The lines of a server's configuration that make it know them.
  std::string server_config() const;
  /// The content of a .creds file of this user of the account.
  std::string credentials(NKey const& user, std::optional<WallTime> expires = std::nullopt) const;
  /// What was issued to it so far is void for a server that is told the new configuration.
  void revoke(NKey const& user);

 private:
  NKey operator_{'O'}, account_{'A'}, system_{'A'};
  std::string operator_jwt_, system_jwt_;
  json revoked_ = json::object();
};

}  // namespace ar::relay::test
