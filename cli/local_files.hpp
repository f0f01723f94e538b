// Files that the caller names, to be sent to the daemon.
#pragma once
#include "base/error.hpp"
#include "cli/api_client.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ar::cli {

class Context;

/// Inside an agent only those of its workspace, and those that came with its messages: whoever talks a model into this
/// command must not get at all that its user can read.
class LocalFiles {
 public:
  /// The daemon says where an agent's files lie: the environment and the folder that this runs in are the caller's
  /// choice.
  static Result<LocalFiles> open(Context const& context, ApiClient& api);
  /// Errors: outside_workspace; else invalid, of `field`.
  Result<std::string> read(std::string const& file, char const* field) const;

 private:
  std::optional<std::vector<std::filesystem::path>> folders_{};  ///< where a file has to lie; none: anywhere
};

}  // namespace ar::cli
