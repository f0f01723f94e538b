#include "base/metrics_text.hpp"

#include <doctest/doctest.h>

using namespace ar;

TEST_CASE("FiguresAreWrittenAsPrometheusReadsThem") {
  MetricsText out;
  out.family("up", "gauge", "Whether it is.");
  out.value(1);
  out.family("agents", "gauge", "How many.");
  out.value(2, {{"state", "idle"}, {"name", "a\"b\\c\nd"}});
  Histogram histogram({0.5, 2});
  for (double const seconds : {0.1, 0.5, 1.0, 9.0}) histogram.add(seconds);
  out.family("took", "histogram", "How long.");
  out.value(histogram, {{"phase", "x"}});
  CHECK(out.text() ==
        "# HELP up Whether it is.\n# TYPE up gauge\nup 1\n"
        "# HELP agents How many.\n# TYPE agents gauge\nagents{state=\"idle\",name=\"a\\\"b\\\\c\\nd\"} 2\n"
        "# HELP took How long.\n# TYPE took histogram\n"
        "took_bucket{phase=\"x\",le=\"0.5\"} 2\ntook_bucket{phase=\"x\",le=\"2\"} "
        "3\ntook_bucket{phase=\"x\",le=\"+Inf\"} 4\n"
        "took_sum{phase=\"x\"} 10.6\ntook_count{phase=\"x\"} 4\n");
}
