// Lists of the API that come in pages.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/api_client.hpp"

#include <functional>
#include <string>

namespace ar::cli {

/// Calls `each` for every element of `name` in all pages of `target` (which holds its own query, if any),
/// following nextCursor until there is none or `limit` elements have come (0: all). `cursor`: where to begin;
/// empty: at the first page.
Result<void> for_each_row(ApiClient& api, std::string const& target, char const* name, std::size_t limit,
                          std::function<void(json const&)> const& each, std::string cursor = {});

}  // namespace ar::cli
