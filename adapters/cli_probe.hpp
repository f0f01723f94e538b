// Asking an installed command line program what it is, before anything is started with it.
#pragma once
#include "base/error.hpp"

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

/// Negative, zero or positive, comparing the numbers between dots.
int compare_numbers(std::string_view a, std::string_view b);

}  // namespace ar::adapters
