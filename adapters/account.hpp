// Which login of a provider an agent uses. A usage limit, and a login that is over, are the login's: they meet all
// agents that use it (docs/limits.md).
#pragma once
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

namespace ar::adapters {

struct Account {
  std::string name{};                  ///< "claude-3f9a1c2b7d"; empty: the provider has no logins
  std::filesystem::path login_file{};  ///< changes when somebody logs in; empty: there is none
  std::string login_command{};         ///< logs in; for people
};

/// The provider and a hash that is cut to ten digits. `parts` that are no secret, such as the id of a login, need no
/// `salt`: the name is then the same on all machines. Of a key it is salted by the installation's own, so that nobody
/// can try keys until the name fits.
std::string account_name(std::string_view provider, std::string_view salt,
                         std::initializer_list<std::string_view> parts);

}  // namespace ar::adapters
