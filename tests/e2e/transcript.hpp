// What an agent's transcript tells.
#pragma once
#include "system/installation.hpp"

#include <algorithm>
#include <string>

namespace ar::test {

/// How many of its rows of that role have the text.
inline auto told(Installation& home, std::string const& agent, std::string const& role, std::string const& text) {
  auto const rows = Installation::lines(home.good({"transcript", agent, "--json"}).out);
  return std::ranges::count_if(rows, [&](std::string const& line) {
    auto const row = json::parse(line);
    return row["role"] == role && row["text"].get<std::string>().find(text) != std::string::npos;
  });
}

}  // namespace ar::test
