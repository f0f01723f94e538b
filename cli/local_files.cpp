#include "cli/local_files.hpp"

#include "base/paths.hpp"
#include "cli/context.hpp"
#include "cli/text.hpp"

namespace ar::cli {

Result<LocalFiles> LocalFiles::open(Context const& context, ApiClient& api) {
  LocalFiles files;
  if (!context.inside_agent()) return files;
  auto const agent = context.agent_or_self(std::nullopt);
  if (!agent) return agent.error();
  auto const answer = api.get("/v1/agents/" + encoded(*agent) + "/workspace");
  if (!answer) return answer.error();
  files.folders_.emplace();
  for (auto const* name : {"cwd", "messages"})
    if (auto const folder = field(*answer, name); !folder.empty()) files.folders_->emplace_back(folder);
  return files;
}

Result<std::string> LocalFiles::read(std::string const& file, char const* field) const {
  constexpr std::size_t most = 256U << 20;  // the daemon's own limits are lower and give the better answer
  auto content = folders_ ? read_file_below(*folders_, file, most) : read_file(file, most);
  if (content) return content;
  if (content.error().code == "outside_folders")
    return Error{ErrorKind::forbidden, "outside_workspace",
                 "an agent sends files of its workspace only: " + content.error().message +
                     "; write what is to be sent into the workspace"};
  return invalid(field, content.error().message);
}

}  // namespace ar::cli
