// Chance for waiting times and tastes, never for secrets (base/ids.hpp).
#pragma once
#include <functional>

namespace ar {

/// Each call another number from 0 up to 1. Parts that need chance are given such a function, so that a test decides.
using Random = std::function<double()>;
Random real_random();

}  // namespace ar
