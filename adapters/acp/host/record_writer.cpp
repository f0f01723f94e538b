#include "adapters/acp/host/record_writer.hpp"

#include "base/json.hpp"
#include "base/unicode.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ar::acp_host {
namespace {

constexpr std::uint64_t kLargeAtStart = 32U << 20, kLarge = 64U << 20;
constexpr std::size_t kJunkKept = 2'000;

std::string now() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  tm parts{};
  ::gmtime_r(&time.tv_sec, &parts);
  char text[40];
  auto const n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + n, sizeof text - n, ".%03dZ", static_cast<int>(time.tv_nsec / 1'000'000));
  return text;
}

std::string name_of(int number) { return "record-" + std::to_string(number) + ".jsonl"; }

int newest_in(std::string const& dir) {
  int newest = 0;
  if (DIR* const folder = ::opendir(dir.c_str())) {
    while (dirent const* entry = ::readdir(folder)) {
      int number = 0, end = 0;
      if (std::sscanf(entry->d_name, "record-%9d.jsonl%n", &number, &end) == 1 && end > 0 && entry->d_name[end] == 0)
        newest = std::max(newest, number);
    }
    ::closedir(folder);
  }
  return newest;
}

std::string entry(char direction, std::string_view raw) {
  std::string text = R"({"t":")" + now() + R"(","d":")" + direction + R"(","f":)";
  text.append(raw);
  return text + "}";
}

}  // namespace

RecordWriter::~RecordWriter() {
  if (fd_ >= 0) ::close(fd_);
}

bool RecordWriter::open(std::string const& agent) {
  number_ = std::max(newest_in(dir_), 1) - 1;
  struct stat file{};
  if (::stat((dir_ + "/" + name_of(number_ + 1)).c_str(), &file) == 0 &&
      static_cast<std::uint64_t>(file.st_size) > kLargeAtStart)
    ++number_;
  return next(agent, false);
}

bool RecordWriter::next(std::string const& agent, bool goes_on) {
  auto const name = name_of(++number_);
  int const fd = ::open((dir_ + "/" + name).c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  name_ = name;
  auto const end = ::lseek(fd_, 0, SEEK_END);
  size_ = end > 0 ? static_cast<std::uint64_t>(end) : 0;
  char last = '\n';
  if (size_ > 0 && ::pread(fd_, &last, 1, static_cast<off_t>(size_ - 1)) == 1 && last != '\n' && !line(""))
    return false;
  if (number_ > 2) ::unlink((dir_ + "/" + name_of(number_ - 2)).c_str());
  begin_ = size_;
  json start{{"t", now()}, {"d", "s"}, {"agent", agent}, {"pid", ::getpid()}, {"goes_on", goes_on}};
  if (!line(to_text(start))) return false;
  for (auto const& text : kept_)
    if (!line(text)) return false;
  fresh_ = size_;
  return true;
}

bool RecordWriter::line(std::string const& text) {
  auto const whole = text + "\n";
  std::size_t done = 0;
  while (done < whole.size()) {
    auto const n = ::write(fd_, whole.data() + done, whole.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      // Half a line must not stand before the next one.
      if (done > 0 && ::ftruncate(fd_, static_cast<off_t>(size_)) != 0) return false;
      return false;
    }
    done += static_cast<std::size_t>(n);
  }
  size_ += whole.size();
  return true;
}

bool RecordWriter::frame(char direction, std::string_view raw) { return line(entry(direction, raw)); }

bool RecordWriter::ended(int status) {
  json end{{"t", now()}, {"d", "e"}, {"status", status}};
  return line(to_text(end));
}

bool RecordWriter::not_a_frame(std::string_view text) {
  json junk{{"t", now()}, {"d", "?"}, {"text", std::string(cut_utf8(text, kJunkKept))}};
  return line(to_text(junk));
}

void RecordWriter::keep(char direction, std::string_view raw) { kept_.push_back(entry(direction, raw)); }

void RecordWriter::rotate_if_large(std::string const& agent) {
  if (size_ > kLarge) (void)next(agent, true);  // else it goes on in the one that it has
}

}  // namespace ar::acp_host
