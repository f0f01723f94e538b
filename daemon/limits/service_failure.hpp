// What is wrong with a model's service, by a word that programs may rely on, whichever provider has met it.
#pragma once
#include <string_view>

namespace ar::daemon {

/// overloaded, network (it is out of reach), server_error; empty: the error is of another kind.
inline std::string_view service_failure(std::string_view error_kind) {
  if (error_kind == "overloaded" || error_kind == "server_error") return error_kind;
  return error_kind == "connection_failed" ? "network" : "";
}

}  // namespace ar::daemon
