#include "adapters/account.hpp"

#include "base/ids.hpp"

namespace ar::adapters {

std::string account_name(std::string_view provider, std::string_view salt,
                         std::initializer_list<std::string_view> parts) {
  std::string hashed(salt);
  for (auto const part : parts) (hashed += '\0') += part;
  return std::string(provider) + "-" + sha256_hex(hashed).substr(0, 10);
}

}  // namespace ar::adapters
