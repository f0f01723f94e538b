#include "cli/table.hpp"

#include "cli/text.hpp"

#include <algorithm>
#include <numeric>

namespace ar::cli {

std::string paint(std::string const& text, Colour colour, bool on) {
  static constexpr char const* codes[] = {"", "2", "1", "31", "32", "33", "34", "35"};
  if (!on || colour == Colour::none || text.empty()) return text;
  return std::string("\033[") + codes[static_cast<int>(colour)] + "m" + text + "\033[0m";
}

void Table::add(std::vector<Cell> row) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i].text = std::string(row[i].indent, ' ') + single_line(row[i].text);
    if (columns_[i].widest) row[i].text = cut_to_width(row[i].text, columns_[i].widest);
    if (row[i].text.empty()) row[i].text = absent_;
  }
  rows_.push_back(std::move(row));
}

namespace {

constexpr std::size_t kGap = 2;
/// What the last column, in which the words for people stand, should have before others are left out.
constexpr std::size_t kRoomForWords = 30;
/// Narrower than this a column says nothing; let the terminal wrap instead.
constexpr std::size_t kLeast = 8;

std::size_t width_before_last(std::vector<std::size_t> const& shown, std::vector<std::size_t> const& widths) {
  std::size_t width = 0;
  for (std::size_t i = 0; i + 1 < shown.size(); ++i) width += widths[shown[i]] + kGap;
  return width;
}

}  // namespace

/// The columns that are shown, by their numbers.
std::vector<std::size_t> Table::fitting(std::vector<std::size_t> const& widths, std::size_t terminal) const {
  std::vector<std::size_t> shown(columns_.size());
  std::iota(shown.begin(), shown.end(), std::size_t{0});
  auto const wanted = std::min(widths.back(), kRoomForWords);
  while (terminal && width_before_last(shown, widths) + wanted > terminal) {
    auto const dearest = std::ranges::max_element(shown, {}, [&](std::size_t i) { return columns_[i].rank; });
    if (columns_[*dearest].rank == 0) break;
    shown.erase(dearest);
  }
  return shown;
}

std::string Table::text(std::size_t terminal, bool colour) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = display_width(columns_[i].header);
    for (auto const& row : rows_) width = std::max(width, display_width(row[i].text));
    widths.push_back(width);
  }
  auto const shown = fitting(widths, terminal);
  auto const last = columns_.size() - 1;
  if (terminal) {
    auto const before = width_before_last(shown, widths);
    widths[last] = std::min(widths[last], std::max(kLeast, terminal > before ? terminal - before : 0));
  }

  std::string out;
  auto const line = [&](auto const& text_of, auto const& colour_of) {
    for (auto const i : shown) {
      auto const text = cut_to_width(text_of(i), widths[i]);
      std::string const fill(widths[i] - display_width(text), ' ');
      auto const painted = paint(text, colour_of(i), colour);
      if (columns_[i].right)
        out += fill + painted;
      else
        out += i == last ? painted : painted + fill;
      if (i != last) out.append(kGap, ' ');
    }
    out += '\n';
  };
  line([&](std::size_t i) { return columns_[i].header; }, [](std::size_t) { return Colour::dim; });
  for (auto const& row : rows_)
    line([&](std::size_t i) { return row[i].text; }, [&](std::size_t i) { return row[i].colour; });
  return out;
}

}  // namespace ar::cli
