#include "adapters/usage.hpp"

namespace ar::adapters {

std::int64_t token_count(json const& usage, char const* name) {
  constexpr std::int64_t kNoCount = 1'000'000'000'000;
  auto const at = usage.find(name);
  if (at == usage.end() || !at->is_number_integer()) return 0;
  auto const count = at->get<std::int64_t>();
  return count > 0 && count < kNoCount ? count : 0;
}

}  // namespace ar::adapters
