#include "cli/table.hpp"

#include "cli/text.hpp"

#include <algorithm>

namespace ar::cli {

std::string paint(std::string const& text, Colour colour, bool on) {
  static constexpr char const* codes[] = {"", "2", "1", "31", "32", "33", "34", "35"};
  if (!on || colour == Colour::none || text.empty()) return text;
  return std::string("\033[") + codes[static_cast<int>(colour)] + "m" + text + "\033[0m";
}

void Table::add(std::vector<Cell> row) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i].text = single_line(row[i].text);
    if (columns_[i].widest) row[i].text = cut_to_width(row[i].text, columns_[i].widest);
    if (row[i].text.empty()) row[i].text = absent_;
  }
  rows_.push_back(std::move(row));
}

std::string Table::text(std::size_t terminal, bool colour) const {
  constexpr std::size_t gap = 2;
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = display_width(columns_[i].header);
    for (auto const& row : rows_) width = std::max(width, display_width(row[i].text));
    widths.push_back(width);
  }
  std::size_t const last = columns_.size() - 1;
  if (terminal) {
    std::size_t before = 0;
    for (std::size_t i = 0; i < last; ++i) before += widths[i] + gap;
    std::size_t const least = 8;  // narrower than this the column says nothing; let the terminal wrap instead
    widths[last] = std::min(widths[last], std::max(least, terminal > before ? terminal - before : 0));
  }

  std::string out;
  auto const line = [&](auto const& text_of, auto const& colour_of) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      auto const text = cut_to_width(text_of(i), widths[i]);
      std::string const fill(widths[i] - display_width(text), ' ');
      auto const painted = paint(text, colour_of(i), colour);
      if (columns_[i].right)
        out += fill + painted;
      else
        out += i == last ? painted : painted + fill;
      if (i != last) out.append(gap, ' ');
    }
    out += '\n';
  };
  line([&](std::size_t i) { return columns_[i].header; }, [](std::size_t) { return Colour::dim; });
  for (auto const& row : rows_)
    line([&](std::size_t i) { return row[i].text; }, [&](std::size_t i) { return row[i].colour; });
  return out;
}

}  // namespace ar::cli
