#include "base/zip/zip_stream.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <new>
#include <sys/stat.h>
#include <utility>

namespace ar {
namespace {

struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
using Entry = std::unique_ptr<archive_entry, FreeEntry>;

Entry make_entry(std::string const& name, WallTime at) {
  Entry entry(archive_entry_new());
  if (!entry) throw std::bad_alloc();
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_mtime(entry.get(), to_millis(at) / 1000, 0);
  return entry;
}

la_ssize_t collect(archive* /*from*/, void* into, void const* bytes, std::size_t size) {
  try {
    static_cast<std::string*>(into)->append(static_cast<char const*>(bytes), size);
  } catch (std::bad_alloc const&) {
    return -1;
  }
  return static_cast<la_ssize_t>(size);
}

}  // namespace

struct ZipStream::State {
  archive* zip = archive_write_new();
  std::string out{};

  /// One that is not finished is finished into `out`, where nobody looks: marked as failed, it would not give back all
  /// that libarchive holds for it.
  ~State() { archive_write_free(zip); }
  Result<void> checked(int done) const {
    if (done >= ARCHIVE_WARN && done <= ARCHIVE_OK) return {};
    auto const* const why = archive_error_string(zip);
    return internal("zip_failed",
                    std::string("the archive cannot be made: ") + (why ? why : "libarchive says no more"));
  }
};

ZipStream::ZipStream() : state_(std::make_unique<State>()) {
  auto* const zip = state_->zip;
  if (!zip) throw std::bad_alloc();
  archive_write_set_format_zip(zip);  // zip64 where it is needed
  // Agents' outputs are texts, which shrink well, or compressed already; the processors have other work.
  archive_write_set_format_option(zip, "zip", "compression-level", "1");
  archive_write_set_bytes_per_block(zip, 0);  // what is there comes out
  archive_write_open(zip, &state_->out, nullptr, collect, nullptr);
}

ZipStream::~ZipStream() = default;

Result<void> ZipStream::add_folder(std::string const& name, WallTime at) {
  auto const entry = make_entry(name + "/", at);
  archive_entry_set_filetype(entry.get(), AE_IFDIR);
  archive_entry_set_perm(entry.get(), 0755);
  return state_->checked(archive_write_header(state_->zip, entry.get()));
}

Result<void> ZipStream::begin_file(std::string const& name, std::optional<std::int64_t> bytes, WallTime at) {
  auto const entry = make_entry(name, at);
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  if (bytes) archive_entry_set_size(entry.get(), *bytes);
  return state_->checked(archive_write_header(state_->zip, entry.get()));
}

Result<void> ZipStream::add(std::string_view bytes) {
  while (!bytes.empty()) {
    auto const taken = archive_write_data(state_->zip, bytes.data(), bytes.size());
    if (taken <= 0) return state_->checked(ARCHIVE_FATAL);
    bytes.remove_prefix(static_cast<std::size_t>(taken));
  }
  return {};
}

Result<void> ZipStream::finish() { return state_->checked(archive_write_close(state_->zip)); }

std::string ZipStream::take() { return std::exchange(state_->out, {}); }

}  // namespace ar
