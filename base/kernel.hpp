// What our programs need of the kernel, tried before anything is begun: an old kernel lacks it, and the filter of a
// container's runtime may refuse it. Later, each refusal would be a fault of its own kind somewhere in the midst.
#pragma once
#include "base/error.hpp"

#include <string>

namespace ar {

/// The error names what is refused, what that is for, and what to do.
Result<void> check_kernel();
/// Another one after every start of the machine; the same in all its containers. Empty: the kernel does not tell.
std::string boot_id();

}  // namespace ar
