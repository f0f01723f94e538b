// Figures in the text format that Prometheus reads (version 0.0.4).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ar {

/// How often something took so long, in seconds.
class Histogram {
 public:
  /// Upper bounds, growing.
  explicit Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size()) {}
  void add(double seconds);

  std::vector<double> const& bounds() const { return bounds_; }
  std::vector<std::uint64_t> const& counts() const { return counts_; }  ///< up to each bound
  std::uint64_t count() const { return count_; }
  double sum() const { return sum_; }

 private:
  std::vector<double> bounds_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

class MetricsText {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string>>;

  /// What follows belongs to it. `type`: counter, gauge, histogram.
  void family(std::string_view name, std::string_view type, std::string_view help);
  void value(double value, Labels const& labels = {}) { line("", labels, value); }
  void value(Histogram const& histogram, Labels const& labels = {});
  std::string const& text() const { return text_; }

 private:
  void line(std::string_view suffix, Labels const& labels, double value);

  std::string name_{}, text_{};
};

}  // namespace ar
