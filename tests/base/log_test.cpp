#include "base/log.hpp"

#include "support/file_text.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <spdlog/spdlog.h>

using namespace ar;

TEST_CASE("ANameCannotForgeALineOfTheLog") {
  test::TempDir temp;
  auto const before = spdlog::default_logger();
  auto const file = temp.path() / "daemon.log";
  REQUIRE(start_logging(file, "info", false).has_value());
  spdlog::info("agent {} is ready", "x\n2026-01-01T00:00:00.000 E forged\r\033[2J\u009B\u2028\u202E\x7F\xFF\u00E9");
  spdlog::set_default_logger(before);
  auto const text = test::file_text(file);
  REQUIRE(text.ends_with('\n'));
  CHECK(text.find('\n') == text.size() - 1);
  CHECK_MESSAGE(
      text.ends_with(" I agent x\\u000a2026-01-01T00:00:00.000 E forged\\u000d\\u001b[2J\\u009b\\u2028\\u202e\\u007f"
                     "\uFFFD\u00E9 is ready\n"),
      text);
}
