// A program's own record of the messages it has taken (proof.receipts in command_options.hpp): asked when
// nobody saw whether it took one.
#pragma once
#include <filesystem>
#include <string_view>

namespace ar::adapters::command {

enum class Receipt {
  there,
  missing,     ///< the record is complete without it; a file that is not there yet is an empty record
  unreadable,  ///< the file cannot be read: nothing is known
};

/// Looks among the newest 4 MiB of the file. Only whole lines count: what a disk without room cut off does
/// not.
Receipt find_receipt(std::filesystem::path const& file, std::string_view correlation_id);

}  // namespace ar::adapters::command
