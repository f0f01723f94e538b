// Who is asking, as the door that it came through has found out.
#pragma once
#include <string>

namespace ar {

struct Principal {
  enum class Kind { anonymous, operator_, agent };
  Kind kind = Kind::anonymous;
  std::string agent_id{};  ///< for agent

  friend bool operator==(Principal const&, Principal const&) = default;
};

}  // namespace ar
