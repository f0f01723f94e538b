// The folders whose files are a session's outputs: how they are named, and where they may lie.
#pragma once
#include <string>
#include <vector>

namespace ar::daemon {

/// What is wrong with them as somebody asks for them; empty: nothing.
std::string output_dirs_problem(std::vector<std::string> const& dirs);
/// An absolute path without "." segments, doubled slashes and a slash at its end.
std::string normal_dir(std::string const& dir);
/// A folder in `from`, or that one itself, as the one in `to`; any other as it is. All of them normal.
std::string moved_dir(std::string const& dir, std::string const& from, std::string const& to);
/// The first of the roots that it lies in, or is; empty: it lies in none. `dir` is normal.
std::string root_of(std::string const& dir, std::vector<std::string> const& roots);

}  // namespace ar::daemon
