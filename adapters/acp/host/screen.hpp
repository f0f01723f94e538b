// An agent's conversation as people read it in the terminal. What the agent writes is data: nothing of it steers the
// terminal.
#pragma once
#include "base/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ar::acp_host {

/// Line ends and tabs stay; what else steers a terminal becomes a '?'.
std::string harmless(std::string_view text);

class Screen {
 public:
  /// What these frames add to the screen; empty: nothing.
  std::string prompt(json const& params, bool from_person);
  std::string update(json const& update);
  std::string asked(json const& params);
  std::string turn_over(json const& answer);
  /// A line of the host's own.
  std::string note(std::string const& text);

 private:
  std::string begin(char const* kind);
  std::string kind_{};  ///< of what was shown last
  bool at_line_start_ = true;
};

}  // namespace ar::acp_host
