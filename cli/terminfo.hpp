// Which terminals the programs of this machine know. A terminal of another machine, or a new one, has a name that they
// do not: what they say then is of no help.
#pragma once
#include <string>

namespace ar::cli {

/// The name of a terminal that is described here: `name`, else the best that behaves alike. Empty: none is.
std::string known_terminal(std::string const& name);

}  // namespace ar::cli
