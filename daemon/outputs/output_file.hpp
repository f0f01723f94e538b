// The files of the output folders, and those that could not be had.
#pragma once
#include "base/json.hpp"

#include <cstdint>
#include <string>
#include <sys/stat.h>
#include <vector>

namespace ar::daemon {

/// Why something of the output folders is not among the outputs.
namespace missing {
inline constexpr char kDirMissing[] = "dir_missing";
inline constexpr char kReadFailed[] = "read_failed";
inline constexpr char kChanged[] = "changed_while_read";
inline constexpr char kCap[] = "storage_cap_exceeded";
inline constexpr char kTerminated[] = "session_terminated_pre_sync";
inline constexpr char kPending[] = "pending_session_terminal";
inline constexpr char kNotRegular[] = "not_regular";
}  // namespace missing

struct MissingOutput {
  std::string path;    ///< of the file or folder
  std::string reason;  ///< one of the above
  std::string message{};
  std::string id{};  ///< of an output that was captured; empty: it was not
};
json to_json(MissingOutput const& missing);
json to_json(std::vector<MissingOutput> const& missing);
std::vector<MissingOutput> missing_from(json const& stored);

/// A regular file in an output folder.
struct FoundOutput {
  std::string path;   ///< absolute
  std::string name;   ///< below its output folder: "report/a.txt"
  std::string root;   ///< the workspace or configured root that it lies in
  std::string stamp;  ///< see stamp_of
};

/// Another one with every change of a file.
std::string stamp_of(struct stat const& file);

/// What names this content at this path: another content, another id. 20 hexadecimal digits.
std::string output_id(std::string const& path, std::string const& sha256);

}  // namespace ar::daemon
