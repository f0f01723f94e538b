// What our programs need of the kernel, tried before anything is begun: an old kernel lacks it, and the filter of a
// container's runtime may refuse it. Later, each refusal would be a fault of its own kind somewhere in the midst.
#pragma once
#include "base/error.hpp"

namespace ar {

/// The error names what is refused, what that is for, and what to do.
Result<void> check_kernel();

}  // namespace ar
