#include "base/metrics_text.hpp"

#include <algorithm>
#include <cstdio>

namespace ar {
namespace {

std::string number_text(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.15g", value);
  return text;
}

/// A label's value: anything may stand in it.
std::string escaped(std::string_view value) {
  std::string text;
  for (char const c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n')
      text += "\\n";
    else
      text += c;
  }
  return text;
}

}  // namespace

void Histogram::add(double seconds) {
  ++count_;
  sum_ += seconds;
  for (std::size_t i = 0; i < bounds_.size(); ++i)
    if (seconds <= bounds_[i]) ++counts_[i];
}

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
  text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void MetricsText::value(Histogram const& histogram, Labels const& labels) {
  auto with_bound = labels;
  with_bound.emplace_back("le", "");
  for (std::size_t i = 0; i < histogram.bounds().size(); ++i) {
    with_bound.back().second = number_text(histogram.bounds()[i]);
    line("_bucket", with_bound, static_cast<double>(histogram.counts()[i]));
  }
  with_bound.back().second = "+Inf";
  line("_bucket", with_bound, static_cast<double>(histogram.count()));
  line("_sum", labels, histogram.sum());
  line("_count", labels, static_cast<double>(histogram.count()));
}

void MetricsText::line(std::string_view suffix, Labels const& labels, double value) {
  text_.append(name_).append(suffix);
  char before = '{';
  for (auto const& [label, text] : labels) {
    text_ += before;
    text_.append(label).append("=\"").append(escaped(text)).append("\"");
    before = ',';
  }
  if (!labels.empty()) text_ += '}';
  text_.append(" ").append(number_text(value)).append("\n");
}

}  // namespace ar
