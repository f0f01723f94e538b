#pragma once
#include "base/error.hpp"

#include <cstddef>
#include <filesystem>

namespace ar {

/// Whether read_file() (base/paths.hpp) would take the whole of it, as far as that can be told without opening it: of
/// `limit` bytes at the most. Errors: file_not_found, not_a_file, too_large; invalid: it cannot be reached, or read.
/// Blocks.
Result<void> check_readable(std::filesystem::path const& file, std::size_t limit);

}  // namespace ar
