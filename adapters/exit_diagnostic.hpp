// What a program said before it ended, made fit for people: it names the cause that an exit status does not.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ar::adapters {

/// The values of a program's environment that must not be shown again.
std::vector<std::string> secrets_in(std::map<std::string, std::string> const& environment);

/// One line of UTF-8 without control characters, at most 300 bytes: the error that `log` ends with, else its last line.
/// `secrets`, and what looks like a key of a model provider, are taken out. Empty: it says nothing.
std::string exit_diagnostic(std::string_view log, std::vector<std::string> const& secrets);

/// The last lines that say something, 20 at most, each as above.
std::vector<std::string> last_lines(std::vector<std::string> const& lines, std::vector<std::string> const& secrets);

}  // namespace ar::adapters
