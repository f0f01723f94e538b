#include "adapters/command/receipts.hpp"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace ar::adapters::command {

Receipt find_receipt(std::filesystem::path const& file, std::string_view correlation_id) {
  constexpr off_t kNewest = 4 << 20;
  struct Closer {
    int fd;
    ~Closer() {
      if (fd >= 0) ::close(fd);
    }
  } const in{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (in.fd < 0) return errno == ENOENT ? Receipt::missing : Receipt::unreadable;
  struct stat info{};
  if (::fstat(in.fd, &info) != 0 || !S_ISREG(info.st_mode)) return Receipt::unreadable;
  off_t const from = info.st_size > kNewest ? info.st_size - kNewest : 0;
  std::string text(static_cast<std::size_t>(info.st_size - from), '\0');
  for (std::size_t have = 0; have < text.size();) {
    auto const n = ::pread(in.fd, text.data() + have, text.size() - have, from + static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Receipt::unreadable;
    if (n == 0) text.resize(have);
    have += static_cast<std::size_t>(n);
  }
  for (auto at = text.find(correlation_id); at != std::string::npos; at = text.find(correlation_id, at + 1)) {
    auto const after = at + correlation_id.size();
    bool const at_start = at == 0 ? from == 0 : text[at - 1] == '\n';
    bool const whole_word = after < text.size() && (text[after] == ' ' || text[after] == '\n');
    if (at_start && whole_word && text.find('\n', after) != std::string::npos) return Receipt::there;
  }
  return Receipt::missing;
}

}  // namespace ar::adapters::command
