// The embedded bus's tables. Times are milliseconds since 1970 (see moment.hpp for which clock).
#pragma once
#include <span>

namespace ar::relay::embedded {

/// For Database::open: one entry per version, never edited once released.
std::span<char const* const> migrations();

}  // namespace ar::relay::embedded
