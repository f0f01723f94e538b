// What our programs log when a part of them did what none may. A test during which that happens has failed, whatever
// else it checks; one that wants a fault takes the log for itself (support/log_lines.hpp).
#pragma once
#include <string_view>

namespace ar::test {

/// A line of a log that tells of a fault.
inline bool tells_of_fault(std::string_view line) {
  return line.find("bug:") != line.npos || line.find("ended by an exception") != line.npos;
}

}  // namespace ar::test
