#include "model/budget.hpp"

#include "base/ids.hpp"

#include <cstdint>
#include <cstdio>

namespace ar {
namespace {

/// Nothing: it is not given, or no number.
double number_at(json const& table, char const* name) {
  auto const it = table.find(name);
  return it != table.end() && it->is_number() ? it->get<double>() : 0;
}

}  // namespace

Result<Budget> read_budget(json const& table) {
  FieldReader in(table);
  Budget budget;
  in.require("name");
  budget.name = in.string("name");
  if (!is_safe_name(budget.name)) in.fail("name", "has 1 to 64 letters, digits, '.', '_' or '-'");
  budget.agent = in.string("agent");
  budget.tag = in.string("tag");
  budget.account = in.string("account");
  if (int(!budget.agent.empty()) + int(!budget.tag.empty()) + int(!budget.account.empty()) > 1)
    in.fail("agent", "is one of three ways to say whom it meets; give one of agent, tag and account, or none");
  in.require("per");
  auto const per = in.string("per");
  if (per != "day" && per != "total") in.fail("per", "must be day or total");
  budget.daily = per == "day";
  in.ignore("usd");
  in.ignore("tokens");
  bool const in_usd = table.is_object() && table.contains("usd");
  bool const in_tokens = table.is_object() && table.contains("tokens");
  budget.unit = in_tokens ? Budget::Unit::tokens : Budget::Unit::usd;
  budget.amount = number_at(table, in_tokens ? "tokens" : "usd");
  if (in_usd == in_tokens)
    in.fail("usd", "or tokens must be given, one of them");
  else if (in_usd && !(budget.amount > 0 && budget.amount <= kMostUsd))
    in.fail("usd", "must be a number above 0");
  else if (in_tokens && !(table["tokens"].is_number_integer() && budget.amount >= 1 && budget.amount <= kMostTokens))
    in.fail("tokens", "must be a whole number above 0");
  if (auto error = in.finish()) return *error;
  return budget;
}

json to_json(Budget const& budget) {
  json shown = {{"name", budget.name}, {"per", budget.daily ? "day" : "total"}};
  if (!budget.agent.empty()) shown["agent"] = budget.agent;
  if (!budget.tag.empty()) shown["tag"] = budget.tag;
  if (!budget.account.empty()) shown["account"] = budget.account;
  if (budget.unit == Budget::Unit::usd)
    shown["usd"] = budget.amount;
  else
    shown["tokens"] = static_cast<std::int64_t>(budget.amount);
  return shown;
}

std::string amount_text(double amount, Budget::Unit unit) {
  char text[64];
  if (unit == Budget::Unit::usd)
    std::snprintf(text, sizeof text, amount < 0.01 && amount > 0 ? "%.4f USD" : "%.2f USD", amount);
  else
    std::snprintf(text, sizeof text, "%.0f tokens", amount);
  return text;
}

}  // namespace ar
