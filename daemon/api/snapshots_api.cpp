#include "daemon/api/snapshots_api.hpp"

#include "base/unicode.hpp"

#include <utility>

namespace ar::daemon {
namespace {

constexpr std::size_t kLongestLabel = 200;

class Document final : public control::SnapshotDocument {
 public:
  explicit Document(std::unique_ptr<SnapshotFile> file) : file_(std::move(file)) {}
  awaitable<Result<std::string>> next() override { return file_->next(); }

 private:
  std::unique_ptr<SnapshotFile> const file_;
};

}  // namespace

awaitable<Result<json>> SnapshotsApi::create_snapshot(json request) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  FieldReader in(request);
  auto label = in.string("label");
  bool const history = in.boolean("includeHistory");
  if (label.size() > kLongestLabel) in.fail("label", "has more than 200 bytes");
  if (auto const problem = label.empty() ? std::string() : line_problem(label); !problem.empty())
    in.fail("label", problem);
  if (auto error = in.finish()) co_return *error;
  co_return co_await snapshots_.create(std::move(label), history);
}

awaitable<Result<json>> SnapshotsApi::snapshots(std::string label_contains, int limit) {
  co_return co_await snapshots_.list(std::move(label_contains), limit);
}

awaitable<Result<json>> SnapshotsApi::snapshot(std::string id) { co_return co_await snapshots_.show(std::move(id)); }

awaitable<Result<std::unique_ptr<control::SnapshotDocument>>> SnapshotsApi::export_snapshot(std::string id) {
  auto file = co_await snapshots_.open(std::move(id));
  if (!file) co_return file.error();
  co_return std::make_unique<Document>(std::move(*file));
}

awaitable<Result<void>> SnapshotsApi::remove_snapshot(std::string id) {
  co_return co_await snapshots_.remove(std::move(id));
}

awaitable<Result<json>> SnapshotsApi::restore_snapshot(json request) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  FieldReader in(request);
  RestoreWishes wishes;
  auto const id = in.maybe_string("snapshotId");
  auto const file = in.maybe_string("file");
  auto document = in.object("json");
  wishes.history = in.boolean("includeHistory");
  if (auto const names = request.find("agents"); names != request.end() && !names->is_null())
    wishes.agents = in.strings("agents");
  in.ignore("agents");
  bool const has_document = request.contains("json") && !request["json"].is_null();
  if ((id ? 1 : 0) + (file ? 1 : 0) + (has_document ? 1 : 0) != 1)
    in.fail("snapshotId", "names what is to be restored; give exactly one of snapshotId, json and file");
  if (file && (!file->starts_with('/') || file->find('\0') != std::string::npos))
    in.fail("file", "must be an absolute path on the daemon's machine");
  if (auto error = in.finish()) co_return *error;
  if (id) co_return co_await snapshots_.restore(*id, std::move(wishes));
  if (file) co_return co_await snapshots_.restore_file(*file, std::move(wishes));
  co_return co_await snapshots_.restore_document(std::move(document), std::move(wishes));
}

}  // namespace ar::daemon
