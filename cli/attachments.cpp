#include "cli/attachments.hpp"

#include "base/ids.hpp"
#include "cli/local_files.hpp"
#include "cli/message_view.hpp"
#include "cli/new_file.hpp"
#include "cli/text.hpp"

#include <algorithm>

namespace ar::cli {
namespace {

constexpr milliseconds kPatience{120'000};

Result<std::string> upload_one(ApiClient& api, LocalFiles const& local, std::string const& file) {
  auto content = local.read(file, "--attach");
  if (!content) return content.error();
  Call call{.method = "POST",
            .target = "/v1/attachments?name=" + encoded(std::filesystem::path(file).filename().string())};
  call.content_type = "application/octet-stream";
  call.body = std::move(*content);
  call.patience = kPatience;
  auto const answer = api.call(call);
  if (!answer) return answer.error();
  return field(*answer, "id");
}

/// "log.txt" as "log-2.txt".
std::filesystem::path numbered(std::filesystem::path const& name, int number) {
  auto text = name.stem();
  text += "-" + std::to_string(number);
  text += name.extension();
  return text;
}

}  // namespace

Result<json> upload(Context const& context, ApiClient& api, std::vector<std::string> const& files) {
  auto const local = LocalFiles::open(context, api);
  if (!local) return local.error();
  json ids = json::array();
  for (auto const& file : files) {
    auto const id = upload_one(api, *local, file);
    if (!id) return id.error();
    ids.push_back(*id);
  }
  return ok(std::move(ids));
}

Result<std::vector<std::filesystem::path>> save_attachments(ApiClient& api, json const& message,
                                                            std::filesystem::path const& folder) {
  std::vector<std::filesystem::path> saved;
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec) return from_errno("cannot make " + folder.string(), ec.value());
  for (auto const& attachment : array(message, "attachments")) {
    auto const bytes =
        api.bytes({.method = "GET",
                   .target = "/v1/attachments/" + encoded(field(attachment, "id")) + "?message=" + field(message, "id"),
                   .patience = kPatience});
    if (!bytes) return bytes.error();
    auto file = folder / safe_file_name(field(attachment, "name"));
    // Two of one message may have the same name.
    for (int number = 2; std::ranges::find(saved, file) != saved.end(); ++number)
      file = folder / numbered(safe_file_name(field(attachment, "name")), number);
    auto written = NewFile::create(file);
    if (!written) return written.error();
    if (auto done = written->write(*bytes); !done) return done.error();
    written->keep();
    saved.push_back(std::move(file));
  }
  return saved;
}

}  // namespace ar::cli
