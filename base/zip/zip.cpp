#include "base/zip/zip.hpp"

#include "base/unicode.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <memory>

namespace ar {
namespace {

constexpr std::size_t kChunk = 64U << 10;

/// libarchive converts names by the thread's locale, which is the C locale here: those of others are UTF-8.
class Utf8Names {
 public:
  Utf8Names() : utf8_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)), before_(utf8_ ? ::uselocale(utf8_) : nullptr) {}
  ~Utf8Names() {
    if (!utf8_) return;
    ::uselocale(before_);
    ::freelocale(utf8_);
  }
  Utf8Names(Utf8Names const&) = delete;
  Utf8Names& operator=(Utf8Names const&) = delete;

 private:
  locale_t const utf8_, before_;
};

struct FreeReader {
  void operator()(archive* a) const { archive_read_free(a); }
};
struct FreeWriter {
  void operator()(archive* a) const { archive_write_free(a); }
};
struct FreeEntry {
  void operator()(archive_entry* e) const { archive_entry_free(e); }
};

Error no_zip(archive* from) {
  auto const* const why = archive_error_string(from);
  return invalid("", std::string("it is no zip file that can be read") + (why ? std::string(": ") + why : ""));
}

Error too_many(ZipLimits const& limits) {
  return {ErrorKind::too_large, "too_large",
          "it holds more than " + std::to_string(limits.entries) + " entries or " + std::to_string(limits.bytes) +
              " bytes, unpacked"};
}

/// A name that is not marked as UTF-8 is taken as it stands.
std::string path_of(archive_entry* entry) {
  auto const* path = archive_entry_pathname_utf8(entry);
  if (!path) path = archive_entry_pathname(entry);
  return path ? path : "";
}

ssize_t append(archive*, void* to, void const* data, std::size_t size) {
  static_cast<std::string*>(to)->append(static_cast<char const*>(data), size);
  return static_cast<ssize_t>(size);
}

}  // namespace

Result<std::vector<ZipEntry>> read_zip(std::string_view bytes, ZipLimits limits) {
  Utf8Names const names;
  std::unique_ptr<archive, FreeReader> const reader(archive_read_new());
  if (!reader) return unavailable("no_memory", "there is no memory to read a zip file");
  archive_read_support_format_zip_seekable(reader.get());
  archive_read_set_options(reader.get(), "hdrcharset=UTF-8");
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) return no_zip(reader.get());
  std::vector<ZipEntry> found;
  std::size_t entries = 0, size = 0;
  for (;;) {
    archive_entry* entry = nullptr;
    int const next = archive_read_next_header(reader.get(), &entry);
    if (next == ARCHIVE_EOF) return found;
    if (next != ARCHIVE_OK && next != ARCHIVE_WARN) return no_zip(reader.get());
    if (++entries > limits.entries) return too_many(limits);
    auto const type = archive_entry_filetype(entry);
    if (type == AE_IFDIR) continue;
    ZipEntry one{path_of(entry), {}};
    auto const shown = "\"" + std::string(cut_utf8(one.path, 200)) + "\"";
    if (type != AE_IFREG || archive_entry_hardlink(entry))
      return invalid("", shown + " in the zip is a link or a device; put the file itself there");
    if (archive_entry_is_encrypted(entry)) return invalid("", shown + " in the zip is encrypted");
    for (std::string chunk(kChunk, '\0');;) {
      auto const count = archive_read_data(reader.get(), chunk.data(), chunk.size());
      if (count < 0) return no_zip(reader.get());
      if (count == 0) break;
      size += static_cast<std::size_t>(count);
      if (size > limits.bytes) return too_many(limits);
      one.content.append(chunk, 0, static_cast<std::size_t>(count));
    }
    found.push_back(std::move(one));
  }
}

Result<std::string> write_zip(std::vector<ZipEntry> const& entries) {
  Utf8Names const names;
  std::string zip;
  std::unique_ptr<archive, FreeWriter> const writer(archive_write_new());
  if (!writer) return unavailable("no_memory", "there is no memory to write a zip file");
  auto const failed = [&] {
    auto const* const why = archive_error_string(writer.get());
    return internal("zip_failed", std::string("the zip file cannot be made: ") + (why ? why : "no reason is known"));
  };
  archive_write_set_format_zip(writer.get());
  archive_write_set_options(writer.get(), "hdrcharset=UTF-8");
  archive_write_set_bytes_in_last_block(writer.get(), 1);
  if (archive_write_open(writer.get(), &zip, nullptr, append, nullptr) != ARCHIVE_OK) return failed();
  for (auto const& one : entries) {
    std::unique_ptr<archive_entry, FreeEntry> const entry(archive_entry_new());
    archive_entry_set_pathname_utf8(entry.get(), one.path.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(one.content.size()));
    if (archive_write_header(writer.get(), entry.get()) < ARCHIVE_WARN) return failed();
    if (archive_write_data(writer.get(), one.content.data(), one.content.size()) < 0) return failed();
  }
  if (archive_write_close(writer.get()) != ARCHIVE_OK) return failed();
  return zip;
}

}  // namespace ar
