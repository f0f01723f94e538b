#include "cli/paging.hpp"

#include "cli/text.hpp"

#include <algorithm>

namespace ar::cli {

Result<void> for_each_row(ApiClient& api, std::string const& target, char const* name, std::size_t limit,
                          std::function<void(json const&)> const& each, std::string cursor) {
  constexpr std::size_t page = 1000;
  for (std::size_t seen = 0;;) {
    auto const wanted = limit ? std::min(page, limit - seen) : page;
    auto url = target + (target.find('?') == std::string::npos ? "?" : "&") + "limit=" + std::to_string(wanted);
    if (!cursor.empty()) url += "&cursor=" + encoded(cursor);
    auto const answer = api.get(url);
    if (!answer) return answer.error();
    auto const& rows = array(*answer, name);
    for (auto const& row : rows) each(row);
    seen += rows.size();
    auto const next = field(*answer, "nextCursor");
    // A cursor that stands still would be asked for ever.
    if (rows.empty() || next.empty() || next == cursor || (limit && seen >= limit)) return {};
    cursor = next;
  }
}

}  // namespace ar::cli
