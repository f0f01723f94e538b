// Names for outputs in an archive: such as any system can unpack, each another one.
#pragma once
#include <set>
#include <string>
#include <string_view>

namespace ar::daemon {

class ArchiveNames {
 public:
  /// Of the file of that name below its output folder ("report/a.txt"), each part made safe. One that is taken gets the
  /// beginning of `id` before its ending: "report/a-1a2b3c4d.txt".
  std::string add(std::string_view name, std::string const& id);

 private:
  bool is_free(std::string const& name) const;
  // In lower case, since some systems know no other.
  std::set<std::string> files_{}, folders_{};
};

}  // namespace ar::daemon
