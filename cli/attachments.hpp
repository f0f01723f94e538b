// Files that go with messages: up to the daemon, and down from it.
#pragma once
#include "cli/api_client.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace ar::cli {

class Context;

/// Uploads the files (see LocalFiles); their ids, as a message's `attachments`.
Result<json> upload(Context const& context, ApiClient& api, std::vector<std::string> const& files);

/// Writes the attachments of `message` (as the API shows it) into `folder`; the files, in order. Never replaces one.
Result<std::vector<std::filesystem::path>> save_attachments(ApiClient& api, json const& message,
                                                            std::filesystem::path const& folder);

}  // namespace ar::cli
