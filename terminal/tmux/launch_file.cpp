#include "terminal/tmux/launch_file.hpp"

#include "base/descriptors.hpp"
#include "base/ids.hpp"
#include "base/paths.hpp"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <string>
#include <system_error>
#include <unistd.h>

namespace fs = std::filesystem;

namespace ar::terminal {

Result<fs::path> write_launch_file(fs::path const& folder, TerminalSpec const& spec) {
  auto const& confinement = spec.confinement;
  std::string content;
  for (auto const& word :
       {spec.directory.string(), std::to_string(spec.mark), std::to_string(inherited_descriptor_limit()),
        confinement.group.string(), std::to_string(confinement.data_bytes), std::to_string(confinement.user_tasks),
        std::to_string(spec.argv.size())})
    content += word + '\0';
  for (auto const* words : {&spec.argv, &spec.environment}) {
    for (auto const& word : *words) {
      if (word.find('\0') != std::string::npos)
        return invalid("argv", "an argument or environment variable holds a NUL byte");
      content += word + '\0';
    }
  }
  auto const file = folder / ("launch-" + random_hex(8));
  int const fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return from_errno("cannot write " + file.string(), errno);
  auto const written = ::write(fd, content.data(), content.size());
  int const reason = written < 0 ? errno : ENOSPC;
  ::close(fd);
  if (written == static_cast<ssize_t>(content.size())) return file;
  ::unlink(file.c_str());
  return from_errno("cannot write " + file.string(), reason);
}

std::string take_launch_failure(fs::path const& file) {
  auto const report = file.string() + ".failed";
  auto text = read_file(report, 4096);
  if (!text) return {};
  std::error_code ec;
  fs::remove(report, ec);
  return std::move(*text);
}

void remove_stale_launch_files(fs::path const& folder) {
  std::error_code ec;
  for (auto const& entry : fs::directory_iterator(folder, ec)) {
    auto const age = fs::file_time_type::clock::now() - entry.last_write_time(ec);
    if (entry.path().filename().string().starts_with("launch-") && age > std::chrono::minutes(1))
      fs::remove(entry.path(), ec);
  }
}

}  // namespace ar::terminal
