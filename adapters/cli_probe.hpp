// Asking an installed command line program what it is, before anything is started with it.
#pragma once
#include "base/error.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ar::adapters {

/// The first 4 KiB a program writes to its standard output, waiting for at most `limit_ms`. It gets PATH,
/// HOME and LANG of this process and `environment` ("K=V"), nothing else: no credentials. Blocks.
Result<std::string> program_output(std::filesystem::path const& program, std::vector<std::string> arguments,
                                   std::vector<std::string> environment = {}, int limit_ms = 10'000);

/// The first word of `text` that starts with a digit: "codex-cli 0.169.0\n" has "0.169.0". Empty: there is
/// none.
std::string version_in(std::string_view text);

/// The version in what `PROGRAM --version` prints. The program is run once for each state of its file. Any thread;
/// blocks. Error `cli_broken`: it prints none.
Result<std::string> program_version(std::filesystem::path const& program, std::vector<std::string> environment = {},
                                    int limit_ms = 10'000);

/// Negative, zero or positive, comparing the numbers between dots.
int compare_numbers(std::string_view a, std::string_view b);

/// The row of a table of versions, in rising order, that holds for a CLI: the last that was `seen_in` no newer one. The
/// oldest for what is older than all; the newest when the version is not known.
template <class Rows>
auto const& row_of(Rows const& rows, std::string_view version) {
  if (version.empty()) return rows.back();
  auto const row = std::ranges::find_if(rows.rbegin(), rows.rend(),
                                        [&](auto const& one) { return compare_numbers(one.seen_in, version) <= 0; });
  return row == rows.rend() ? rows.front() : *row;
}

}  // namespace ar::adapters
