// Runs the cases of one test program, and fails each in which a fault is logged.
#define DOCTEST_CONFIG_IMPLEMENT
#include "support/faults.hpp"

#include <doctest/doctest.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>
#include <string>

namespace {

class FaultSink : public spdlog::sinks::base_sink<std::mutex> {
  void sink_it_(spdlog::details::log_msg const& message) override {
    std::string const line(message.payload.data(), message.payload.size());
    if (doctest::is_running_in_test && ar::test::tells_of_fault(line)) ADD_FAIL_CHECK_AT("the log", 0, line);
  }
  void flush_() override {}
};

}  // namespace

int main(int argc, char** argv) {
  spdlog::default_logger()->sinks().push_back(std::make_shared<FaultSink>());
  return doctest::Context(argc, argv).run();
}
