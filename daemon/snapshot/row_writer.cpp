#include "daemon/snapshot/row_writer.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace ar::daemon {
namespace {

constexpr std::size_t kAtOnce = 256 << 10;

}  // namespace

RowWriter::RowWriter(std::filesystem::path file, json const& head, std::int64_t most)
    : file_(std::move(file)), most_(most) {
  fd_ = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd_ < 0) fail(from_errno("cannot write " + file_.string(), errno));
  auto begin = to_text(head);
  begin.pop_back();  // its brace
  put(begin + ",\"sections\":{");
}

RowWriter::~RowWriter() {
  if (fd_ >= 0) ::close(fd_);
}

void RowWriter::section(std::string_view name, std::string_view version) {
  if (!present_.empty()) put("]},");
  present_ = name;
  sections_[present_] = {{"version", version}, {"count", 0}};
  put("\n" + json(name).dump() + ":{\"version\":" + json(version).dump() + ",\"rows\":[");
}

void RowWriter::row(json const& row) {
  auto& count = sections_[present_]["count"];
  put((count == 0 ? "\n" : ",\n") + to_text(row));
  count = count.get<std::int64_t>() + 1;
}

Result<RowWriter::Written> RowWriter::finish() {
  put(present_.empty() ? "}}\n" : "]}}}\n");
  flush();
  if (!failed_ && ::fsync(fd_) != 0) fail(from_errno("cannot write " + file_.string(), errno));
  if (failed_) return *failed_;
  return Written{bytes_, std::move(sections_)};
}

void RowWriter::put(std::string_view text) {
  if (failed_) return;
  bytes_ += static_cast<std::int64_t>(text.size());
  if (bytes_ > most_)
    return fail({ErrorKind::too_large, "snapshot_too_large",
                 "the snapshot would have more than " + std::to_string(most_) +
                     " bytes (snapshots.max_bytes); take it without history, remove agents that are no longer needed, "
                     "or raise the limit"});
  buffer_ += text;
  if (buffer_.size() >= kAtOnce) flush();
}

void RowWriter::flush() {
  std::string_view rest = buffer_;
  while (!failed_ && !rest.empty()) {
    auto const n = ::write(fd_, rest.data(), rest.size());
    if (n >= 0)
      rest.remove_prefix(static_cast<std::size_t>(n));
    else if (errno != EINTR)
      fail(from_errno("cannot write " + file_.string(), errno));
  }
  buffer_.clear();
}

void RowWriter::fail(Error error) {
  if (!failed_) failed_ = std::move(error);
}

}  // namespace ar::daemon
