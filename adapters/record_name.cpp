#include "adapters/record_name.hpp"

#include <algorithm>
#include <ranges>

namespace ar::adapters {

bool is_record_name(std::string_view name) {
  constexpr std::size_t kLongest = 1024;
  if (name.empty() || name.size() > kLongest || name.find('\0') != std::string_view::npos) return false;
  return std::ranges::all_of(std::views::split(name, '/'), [](auto const& range) {
    std::string_view const part(range.begin(), range.end());
    return !part.empty() && part != "." && part != "..";
  });
}

}  // namespace ar::adapters
