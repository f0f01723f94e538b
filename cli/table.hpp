// Aligned columns for people. Cells are made one line and harmless; colour goes around the padded text, so it
// never disturbs the alignment.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace ar::cli {

enum class Colour { none, dim, bold, red, green, yellow, blue, magenta };

struct Cell {
  std::string text;
  Colour colour = Colour::none;
  std::size_t indent = 0;  ///< blanks before it
  Cell(std::string t, Colour c = Colour::none, std::size_t i = 0) : text(std::move(t)), colour(c), indent(i) {}
  Cell(char const* t) : text(t) {}
};

struct Column {
  std::string header;
  bool right = false;      ///< numbers
  std::size_t widest = 0;  ///< longer cells are cut; 0: no limit
  int rank = 0;            ///< where the terminal is too narrow, columns are left out, the highest rank first; 0: never
};

class Table {
 public:
  /// `absent`: what stands for an empty cell.
  explicit Table(std::vector<Column> columns, std::string absent = "-")
      : columns_(std::move(columns)), absent_(std::move(absent)) {}
  void add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  /// `columns`: the terminal's width, at which the last column is cut; 0: unlimited.
  std::string text(std::size_t columns, bool colour) const;

 private:
  std::vector<std::size_t> fitting(std::vector<std::size_t> const& widths, std::size_t terminal) const;

  std::vector<Column> columns_;
  std::string absent_;
  std::vector<std::vector<Cell>> rows_;
};

/// The text in that colour (as it is when `on` is false).
std::string paint(std::string const& text, Colour colour, bool on);

}  // namespace ar::cli
