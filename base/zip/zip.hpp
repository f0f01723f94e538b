// Zip files that are small enough to be held in memory: read within bounds, whoever made them, and written.
#pragma once
#include "base/error.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ar {

struct ZipEntry {
  std::string path;  ///< as it stands in the zip: nobody has checked it
  std::string content;
};

struct ZipLimits {
  std::size_t entries;  ///< folders count too
  std::size_t bytes;    ///< of all contents, unpacked
};

/// The files in it; folders are left out. Stops as soon as a limit is passed, however much more there would be. Errors:
/// too_large; invalid, without a field, for what is no zip, is encrypted, or holds a link or a device.
Result<std::vector<ZipEntry>> read_zip(std::string_view bytes, ZipLimits limits);
Result<std::string> write_zip(std::vector<ZipEntry> const& entries);

}  // namespace ar
