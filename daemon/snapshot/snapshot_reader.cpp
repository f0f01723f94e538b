#include "daemon/snapshot/snapshot_reader.hpp"

#include "base/ids.hpp"
#include "base/json_stream.hpp"
#include "daemon/snapshot/row_writer.hpp"
#include "daemon/snapshot/sections.hpp"
#include "model/message.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <istream>
#include <optional>
#include <streambuf>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace ar::daemon {
namespace {

constexpr std::int64_t kLongestRow = 128 << 20;  ///< the longest body that a bus takes, all of it escaped
constexpr std::size_t kDeepest = 64;
constexpr std::size_t kRowDepth = 4;  ///< {sections: {NAME: {rows: [ROW]}}}

/// Ends the parsing.
struct Refused {
  Error error;
};

Error damaged(std::string const& what) {
  return {ErrorKind::invalid, "snapshot_damaged", "the snapshot cannot be restored, and nothing was: " + what};
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

/// A file's bytes, with bounds on all of them and on what comes without a row.
class Input : public std::streambuf {
 public:
  Input(int fd, std::int64_t most) : fd_(fd), most_(most) {}
  void row_ended() { since_row_ = 0; }

 protected:
  int_type underflow() override {
    ssize_t n = 0;
    do n = ::read(fd_, buffer_.data(), buffer_.size());
    while (n < 0 && errno == EINTR);
    if (n < 0) throw Refused{from_errno("cannot read the snapshot", errno)};
    if (n == 0) return traits_type::eof();
    read_ += n;
    since_row_ += n;
    if (read_ > most_)
      throw Refused{{ErrorKind::too_large, "snapshot_too_large",
                     "the snapshot has more than " + std::to_string(most_) +
                         " bytes (snapshots.max_bytes); raise the limit to restore it"}};
    if (since_row_ > kLongestRow) throw Refused{damaged("a row of it is too long")};
    setg(buffer_.data(), buffer_.data(), buffer_.data() + n);
    return traits_type::to_int_type(buffer_[0]);
  }

 private:
  int const fd_;
  std::int64_t const most_;
  std::int64_t read_ = 0, since_row_ = 0;
  std::array<char, 65536> buffer_{};
};

using Version = std::array<int, 3>;

std::optional<Version> version_from(std::string_view text) {
  Version version{};
  auto const* at = text.data();
  auto const* const end = at + text.size();
  for (std::size_t i = 0; i < version.size(); ++i) {
    if (i > 0 && (at == end || *at++ != '.')) return std::nullopt;
    auto const [next, error] = std::from_chars(at, end, version[i]);
    if (error != std::errc() || version[i] < 0) return std::nullopt;
    at = next;
  }
  return at == end ? std::optional(version) : std::nullopt;
}

Error too_new(std::string const& section, std::string const& version, std::string const& known) {
  return {ErrorKind::invalid, "snapshot_version",
          "the snapshot's section " + section.substr(0, 80) + " is of version " + version.substr(0, 40) + ", and " +
              known + "; restore it with the agent-runner that took it, or a newer one",
          section};
}

class Reading {
 public:
  Reading(int fd, std::int64_t most, RowSpool& spool) : input_(fd, most), spool_(spool) {}

  Result<SnapshotHead> read() {
    try {
      std::istream stream(&input_);
      auto const document = parse_json_stream(stream, [this](int depth, json::parse_event_t event, json& value) {
        return on(static_cast<std::size_t>(depth), event, value);
      });
      return document ? head_of(*document) : damaged("it is no whole JSON document: " + document.error().message);
    } catch (Refused const& refused) {
      return refused.error;
    }
  }

 private:
  using Event = json::parse_event_t;

  /// False: the value is not kept.
  bool on(std::size_t depth, Event event, json& value) {
    if (depth > kDeepest) throw Refused{damaged("it is nested too deep")};
    if (event == Event::key) {
      path_.resize(depth);
      path_[depth - 1] = value.get<std::string>();
      return depth > 1 || path_[0] == "sections" || path_[0] == "format" || path_[0] == "id" || path_[0] == "store";
    }
    bool const begins = event == Event::object_start || event == Event::array_start;
    if (depth != kRowDepth || begins || !in_rows()) return true;
    take_row(path_[1], value);
    path_.resize(3);
    input_.row_ended();
    return false;
  }

  bool in_rows() const { return path_.size() >= 3 && path_[0] == "sections" && path_[2] == "rows"; }

  /// What is wrong with it counts once it is known that the section's version is not.
  void take_row(std::string const& name, json const& row) {
    ++rows_;
    auto const* const section = find_section(name);
    if (wrong_ || !section) return;
    auto owner = owner_of(*section, row);
    if (!owner)
      wrong_ = damaged("row " + std::to_string(rows_) + ", in the section " + name + ": " + owner.error().message);
    else
      spool_.add(name, *owner, row.dump());
  }

  static Result<std::string> owner_of(Section const& section, json const& row) {
    try {
      return section.owner(row);
    } catch (json::exception const& e) {
      return invalid("", e.what());
    }
  }

  Result<SnapshotHead> head_of(json const& document) const {
    auto const& sections = object_at(document, "sections");
    if (text_at(document, "format") != kSnapshotFormat || sections.empty())
      return damaged("it is no snapshot of agent-runner's");
    for (auto const& [name, part] : sections.items()) {
      auto const text = text_at(part, "version");
      auto const version = version_from(text);
      if (!version) return damaged("its section " + name.substr(0, 80) + " has no version");
      auto const* const section = find_section(name);
      if (!section) return too_new(name, text, "this agent-runner knows no such section");
      if (*version > version_from(section->version).value_or(Version{}))
        return too_new(name, text, "this agent-runner knows " + std::string(section->version));
    }
    if (wrong_) return *wrong_;
    SnapshotHead head{text_at(document, "id"), text_at(document, "store")};
    if (!is_safe_name(head.id) || head.store.size() > kMaxNameBytes)
      return damaged("it does not say which snapshot it is");
    return head;
  }

  Input input_;
  RowSpool& spool_;
  std::vector<std::string> path_{};  ///< the keys around the present value
  std::int64_t rows_ = 0;
  std::optional<Error> wrong_{};
};

}  // namespace

Result<SnapshotHead> read_snapshot(std::filesystem::path const& file, std::int64_t most, RowSpool& spool) {
  // Without waiting for whoever has the other end of a pipe.
  Descriptor const in{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (in.fd < 0 && errno == ENOENT) return not_found("file_not_found", file.string() + " does not exist");
  if (in.fd < 0) return invalid("file", from_errno("cannot read " + file.string(), errno).message);
  struct stat info{};
  if (::fstat(in.fd, &info) != 0 || !S_ISREG(info.st_mode))
    return conflict("not_a_file", file.string() + " is no regular file");
  return ar::guarded([&]() -> Result<SnapshotHead> {
    spool.begin();
    auto head = Reading(in.fd, most, spool).read();
    spool.commit();
    return head;
  });
}

}  // namespace ar::daemon
