#include "model/resource_limits.hpp"

#include <algorithm>
#include <charconv>

namespace ar {
namespace {

constexpr std::int64_t kLeastMemory = 1 << 20, kMostMemory = std::int64_t{1} << 50;
constexpr std::int64_t kMostQuota = 1'000'000, kMostTasks = 4'194'304;

/// The number that the text begins with, which loses it. Nothing: it begins with none.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t number = 0;
  auto const [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

Result<std::int64_t> checked_memory(std::int64_t bytes) {
  if (bytes != 0 && (bytes < kLeastMemory || bytes > kMostMemory))
    return invalid("", "must be from 1M to 1024T, or 0 for no limit");
  return bytes;
}

Result<std::int64_t> checked_quota(std::int64_t percent) {
  if (percent > kMostQuota) return invalid("", "must be at most 1000000%, or 0 for no limit");
  return percent;
}

using Parse = Result<std::int64_t> (*)(std::string_view);
using Check = Result<std::int64_t> (*)(std::int64_t);

/// Nothing where the value is absent or null.
Result<std::optional<std::int64_t>> read(json const& object, char const* name, Parse parse, Check check) {
  auto const it = object.find(name);
  if (it == object.end() || it->is_null()) return std::optional<std::int64_t>();
  Result<std::int64_t> value = invalid("", parse ? "must be a number or a text" : "must be an integer");
  if (it->is_number_integer() && *it >= 0)
    value = check(it->get<std::int64_t>());
  else if (it->is_number())
    value = invalid("", "must be an integer, and not below 0");
  else if (it->is_string() && parse)
    value = parse(it->get<std::string>());
  if (!value) return value.error();
  return std::optional(*value);
}

}  // namespace

ResourceLimits ResourceLimits::over(ResourceLimits const& behind) const {
  auto const either = [](auto const& one, auto const& other) { return one ? one : other; };
  return {either(memory_max, behind.memory_max), either(memory_high, behind.memory_high),
          either(cpu_quota, behind.cpu_quota), either(tasks_max, behind.tasks_max)};
}

Result<std::int64_t> parse_memory_size(std::string_view text) {
  auto const fault = invalid("", "must be a size like 300M or 2G, or 0 for no limit");
  auto const number = take_number(text);
  if (!number) return fault;
  if (text.ends_with("iB")) text.remove_suffix(2);
  if (text.ends_with('B')) text.remove_suffix(1);
  constexpr std::string_view kUnits = "KMGT";
  int shift = 0;
  if (!text.empty()) {
    auto const unit = kUnits.find(text.front());
    if (unit == std::string_view::npos || text.size() > 1) return fault;
    shift = static_cast<int>(10 * (unit + 1));
  }
  if (*number > (kMostMemory >> shift)) return checked_memory(kMostMemory + 1);
  return checked_memory(*number << shift);
}

Result<std::int64_t> parse_cpu_quota(std::string_view text) {
  auto const number = take_number(text);
  if (!number || (text != "%" && !text.empty()))
    return invalid("", "must be a share of one processor like 150%, or 0 for no limit");
  return checked_quota(*number);
}

Result<ResourceLimits> resource_limits_from(json const& object, std::string const& prefix) {
  if (!object.is_object()) return invalid(prefix, "must be an object");
  ResourceLimits limits;
  auto const tasks = [](std::int64_t count) -> Result<std::int64_t> {
    if (count > kMostTasks) return invalid("", "must be at most 4194304, or 0 for no limit");
    return count;
  };
  struct Row {
    char const* name;
    std::optional<std::int64_t>* into;
    Parse parse;
    Check check;
  };
  Row const rows[] = {{"memoryMax", &limits.memory_max, parse_memory_size, checked_memory},
                      {"memoryHigh", &limits.memory_high, parse_memory_size, checked_memory},
                      {"cpuQuota", &limits.cpu_quota, parse_cpu_quota, checked_quota},
                      {"tasksMax", &limits.tasks_max, nullptr, tasks}};
  for (auto const& row : rows) {
    auto const value = read(object, row.name, row.parse, row.check);
    auto const field = prefix + row.name;
    if (!value) return invalid(field, field + " " + value.error().message);
    *row.into = *value;
  }
  for (auto const& [name, value] : object.items())
    if (std::ranges::none_of(rows, [&](Row const& row) { return name == row.name; }))
      return invalid(prefix + name,
                     "unknown field \"" + prefix + name + "\"; use memoryMax, memoryHigh, cpuQuota and tasksMax");
  return limits;
}

json to_json(ResourceLimits const& limits) {
  json shown = json::object();
  auto const add = [&](char const* name, std::optional<std::int64_t> const& value) {
    if (value) shown[name] = *value;
  };
  add("memoryMax", limits.memory_max);
  add("memoryHigh", limits.memory_high);
  add("cpuQuota", limits.cpu_quota);
  add("tasksMax", limits.tasks_max);
  return shown;
}

}  // namespace ar
