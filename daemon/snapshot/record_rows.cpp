#include "daemon/snapshot/record_rows.hpp"

#include "base/base64.hpp"
#include "base/ids.hpp"
#include "daemon/agent/agent_spec.hpp"
#include "daemon/snapshot/row_spool.hpp"
#include "daemon/snapshot/row_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace ar::daemon {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kPiece = 192 << 10;  ///< 256 KiB as a text

struct Descriptor {
  int fd = -1;
  explicit Descriptor(int open) : fd(open) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor const&) = delete;
  Descriptor& operator=(Descriptor const&) = delete;
  void close() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

/// As much as there is, up to `size`.
std::string read_at(int fd, std::int64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    auto const n = ::pread(fd, bytes.data() + done, size - done, static_cast<off_t>(offset) + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

/// Of the first `size` bytes, those up to the last end of a line.
std::int64_t whole_lines(int fd, std::int64_t size) {
  for (auto end = size; end > 0;) {
    auto const begin = std::max<std::int64_t>(end - static_cast<std::int64_t>(kPiece), 0);
    auto const bytes = read_at(fd, begin, static_cast<std::size_t>(end - begin));
    if (auto const at = bytes.rfind('\n'); at != std::string::npos) return begin + static_cast<std::int64_t>(at) + 1;
    end = begin;
  }
  return 0;
}

/// One file, written beside its place and linked there when it is whole; or compared with what is there.
class Placing {
 public:
  explicit Placing(fs::path place) : place_(std::move(place)), there_(-1), fresh_(-1) {}
  ~Placing() {
    if (!beside_.empty()) ::unlink(beside_.c_str());
  }
  Placing(Placing const&) = delete;
  Placing& operator=(Placing const&) = delete;

  Result<void> begin() {
    there_.fd = ::open(place_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (there_.fd >= 0) return {};
    if (errno != ENOENT) {  // a link, a folder: whatever it is, it stays
      differs_ = true;
      return {};
    }
    std::error_code ec;
    fs::create_directories(place_.parent_path(), ec);
    if (ec) return from_errno("cannot make " + place_.parent_path().string(), ec.value());
    beside_ = place_.string() + ".new-" + random_hex(4);
    fresh_.fd = ::open(beside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fresh_.fd >= 0) return {};
    auto const reason = errno;
    beside_.clear();
    return from_errno("cannot write " + place_.string(), reason);
  }

  Result<void> add(std::string_view bytes, std::int64_t offset) {
    if (differs_) return {};
    if (there_.fd >= 0) {
      differs_ = read_at(there_.fd, offset, bytes.size()) != bytes;
      return {};
    }
    while (!bytes.empty()) {
      auto const n = ::write(fresh_.fd, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return from_errno("cannot write " + place_.string(), errno);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

  /// True: it is new.
  Result<bool> end(std::int64_t size) {
    if (there_.fd >= 0) {
      struct stat info{};
      differs_ = differs_ || ::fstat(there_.fd, &info) != 0 || info.st_size != size;
    }
    if (beside_.empty()) return false;
    if (::fsync(fresh_.fd) != 0) return from_errno("cannot write " + place_.string(), errno);
    if (::link(beside_.c_str(), place_.c_str()) == 0) return true;
    if (errno != EEXIST) return from_errno("cannot write " + place_.string(), errno);
    differs_ = true;
    return false;
  }
  bool differs() const { return differs_; }

 private:
  fs::path const place_;
  Descriptor there_, fresh_;
  std::string beside_{};
  bool differs_ = false;
};

struct Piece {
  std::string file, data;
  std::int64_t offset = 0, size = 0;
};

Piece piece_in(json const& row) {
  return {row.at("file").get<std::string>(), base64_decode(row.at("data").get<std::string>()).value_or(""),
          row.at("offset").get<std::int64_t>(), row.at("size").get<std::int64_t>()};
}

}  // namespace

void write_record(std::string const& agent, adapters::RecordFile const& file, RowWriter& out) {
  Descriptor const in(::open(file.place.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info{};
  if (in.fd < 0 || ::fstat(in.fd, &info) != 0 || !S_ISREG(info.st_mode)) return;
  auto const size = file.name.ends_with(".jsonl") ? whole_lines(in.fd, info.st_size) : std::int64_t{info.st_size};
  if (size == 0 && info.st_size > 0) return;  // nothing of it is whole yet
  for (std::int64_t offset = 0; !out.has_failed();) {
    auto const wanted = std::min<std::int64_t>(size - offset, kPiece);
    auto const data = read_at(in.fd, offset, static_cast<std::size_t>(wanted));
    out.row({{"agent", agent},
             {"file", file.name},
             {"offset", offset},
             {"size", size},
             {"data", base64_encode(data)},
             {"sha256", sha256_hex(data)}});
    offset += wanted;
    if (offset >= size || static_cast<std::int64_t>(data.size()) < wanted) return;
  }
}

Result<std::string> owner_of_record_row(json const& row) {
  auto agent = row.at("agent").get<std::string>();
  if (auto good = check_agent_id(agent); !good) return good.error();
  auto const data = base64_decode(row.at("data").get<std::string>());
  if (!data || sha256_hex(*data) != row.at("sha256").get<std::string>())
    return invalid("", "a piece of a conversation's record is damaged");
  auto const piece = piece_in(row);
  if (piece.offset < 0 || piece.offset + static_cast<std::int64_t>(data->size()) > piece.size)
    return invalid("", "a piece of a conversation's record is beyond its end");
  return agent;
}

Result<PlacedRecords> place_records(RowSpool const& spool, std::string const& agent,
                                    std::function<fs::path(std::string const& name)> const& place_of) {
  PlacedRecords placed;
  std::optional<Placing> file;
  std::string name;
  std::int64_t files = 0, rows = 0, end = 0, size = 0;
  fs::path place;
  // What the rows so far make is one file.
  auto const close = [&]() -> Result<void> {
    if (name.empty()) return {};
    if (!file) {
      placed.left.push_back(name + ": no file of this conversation's record is called so here");
    } else if (end != size) {
      placed.left.push_back(name + ": parts of it are missing in the snapshot");
    } else {
      auto const fresh = file->end(size);
      if (!fresh) return fresh.error();
      if (file->differs())
        placed.left.push_back(name + ": " + place.string() + " is there already and differs; it was left as it is");
      if (files == 1) placed.first = place;
      (*fresh ? placed.written : placed.skipped) += rows;
      rows = 0;
    }
    placed.skipped += rows;
    file.reset();
    return {};
  };
  std::int64_t after = 0;
  for (auto page = spool.page("sessions", agent, after); !page.empty(); page = spool.page("sessions", agent, after)) {
    after = page.back().number;
    for (auto const& row : page) {
      auto piece = piece_in(row.value());
      if (piece.file != name) {
        if (auto closed = close(); !closed) return closed.error();
        name = piece.file;
        size = piece.size;
        ++files;
        rows = end = 0;
        place = place_of(name);
        if (!place.empty()) {
          file.emplace(place);
          if (auto begun = file->begin(); !begun) return begun.error();
        }
      }
      ++rows;
      if (!file) continue;
      if (piece.offset != end || piece.size != size) continue;  // end stays behind
      if (auto added = file->add(piece.data, piece.offset); !added) return added.error();
      end += static_cast<std::int64_t>(piece.data.size());
    }
  }
  if (auto closed = close(); !closed) return closed.error();
  return placed;
}

}  // namespace ar::daemon
