// How much agents may use (docs/budgets.md): one table of [[budgets]] in the configuration, as a value.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"

#include <string>

namespace ar {

struct Budget {
  enum class Unit { usd, tokens };
  std::string name{};
  /// Whom it meets: at most one of them is given; none: all agents.
  std::string agent{}, tag{}, account{};
  bool daily = false;  ///< else of all time
  Unit unit = Unit::usd;
  double amount = 0;  ///< in its unit, more than 0
};

inline constexpr double kMostUsd = 1e9, kMostTokens = 1e15;

/// Reads {name, agent? | tag? | account?, per, usd | tokens}. Errors: invalid, naming the field.
Result<Budget> read_budget(json const& table);
/// The same form.
json to_json(Budget const& budget);
/// "1.20 USD", "3000 tokens", for people.
std::string amount_text(double amount, Budget::Unit unit);

}  // namespace ar
