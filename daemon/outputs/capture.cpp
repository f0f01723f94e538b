#include "daemon/outputs/capture.hpp"

#include "daemon/outputs/output_store.hpp"
#include "daemon/outputs/stable_copy.hpp"

#include <map>
#include <set>

namespace ar::daemon {
namespace {

/// How much the contents have together, each counted once.
class Contents {
 public:
  void add(std::string const& sha256, std::int64_t bytes) {
    if (counts_[sha256]++ == 0) bytes_ += bytes;
  }
  void take_away(std::string const& sha256, std::int64_t bytes) {
    if (--counts_[sha256] == 0) bytes_ -= bytes;
  }
  std::int64_t bytes() const { return bytes_; }
  bool has_once(std::string const& sha256) const {
    auto const at = counts_.find(sha256);
    return at != counts_.end() && at->second == 1;
  }

 private:
  std::map<std::string, int> counts_{};
  std::int64_t bytes_ = 0;
};

class Capturing {
 public:
  explicit Capturing(CaptureJob const& job) : job_(job), store_(job.store) {
    for (auto const& row : job.known) {
      known_.emplace(row.path, &row);
      contents_.add(row.sha256, row.bytes);
    }
  }

  Capture run() {
    WalkLimits limits;
    limits.files = job_.most_files;
    limits.deadline = job_.deadline;
    limits.stop = job_.stop;
    auto walk = walk_outputs(job_.folders, limits);
    done_.missing = std::move(walk.missing);
    most_missing_ = limits.missing;
    std::set<std::string> seen;
    for (auto const& file : walk.found) {
      if (job_.stop.stop_requested()) break;
      seen.insert(file.path);
      take(file);
    }
    if (walk.whole)
      for (auto const& row : job_.known)
        if (!row.gone_at && !seen.contains(row.path)) done_.gone.push_back(row.path);
    if (!done_.taken.empty()) store_.flush();
    done_.cut_off = job_.stop.stop_requested();
    return std::move(done_);
  }

 private:
  void take(FoundOutput const& file) {
    auto const at = known_.find(file.path);
    auto const* const before = at == known_.end() ? nullptr : at->second;
    if (before && before->stamp == file.stamp && store_.has(before->sha256)) {
      if (before->gone_at) done_.same.push_back(*before);
      return;
    }
    if (Clock::now() > job_.deadline) return miss(file, before, missing::kReadFailed, "the capture took too long");
    if (!before && known_.size() + new_paths_ >= job_.most_files)
      return miss(file, before, missing::kCap,
                  std::to_string(job_.most_files) + " files are kept, the most of one agent");
    auto draft = store_.begin();
    if (!draft) return miss(file, before, missing::kReadFailed, draft.error().message);
    auto room = job_.most_bytes - contents_.bytes();
    if (before && contents_.has_once(before->sha256)) room += before->bytes;  // which it replaces
    auto copy = copy_stable(file, draft->fd(), room, job_.stop);
    if (!copy) return miss(file, before, copy.error().code, copy.error().message);
    OutputTable::Row row;
    row.id = output_id(file.path, copy->sha256);
    row.path = file.path;
    row.name = file.name;
    row.sha256 = copy->sha256;
    row.bytes = copy->bytes;
    row.stamp = copy->stamp;
    row.turn = job_.turn;
    row.modified_at = copy->modified_at;
    row.captured_at = job_.now;
    if (auto kept = store_.keep(std::move(*draft), row.sha256); !kept)
      return miss(file, before, missing::kReadFailed, kept.error().message);
    if (before) contents_.take_away(before->sha256, before->bytes);
    contents_.add(row.sha256, row.bytes);
    if (!before) ++new_paths_;
    bool const is_same = before && before->sha256 == row.sha256;
    (is_same ? done_.same : done_.taken).push_back(std::move(row));
  }

  void miss(FoundOutput const& file, OutputTable::Row const* before, std::string reason, std::string message) {
    if (done_.missing.size() >= most_missing_) return;
    if (before) message += "; an earlier content of it is kept";
    done_.missing.push_back({file.path, std::move(reason), std::move(message), before ? before->id : std::string()});
  }

  CaptureJob const& job_;
  OutputStore const store_;
  std::map<std::string, OutputTable::Row const*> known_{};
  std::size_t new_paths_ = 0;
  std::size_t most_missing_ = 0;
  Contents contents_{};
  Capture done_{};
};

}  // namespace

Capture capture_outputs(CaptureJob const& job) {
  if (auto made = OutputStore(job.store).make(); !made) {
    Capture failed;
    for (auto const& dir : job.folders.dirs)
      failed.missing.push_back({dir, missing::kReadFailed, made.error().message});
    return failed;
  }
  return Capturing(job).run();
}

}  // namespace ar::daemon
