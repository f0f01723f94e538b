#include "adapters/exit_diagnostic.hpp"

#include "adapters/codex/codex_adapter.hpp"
#include "base/json.hpp"
#include "base/unicode.hpp"
#include "support/launch_setup.hpp"

#include <doctest/doctest.h>

using namespace ar;
using adapters::exit_diagnostic;

namespace {
/// As the CLI writes it, before it comes to its error.
std::string const kUsual =
    "WARNING: proceeding, even though we could not create PATH aliases\n"
    "\x1b[2m2026-01-02T03:04:05Z\x1b[0m \x1b[31mERROR\x1b[0m \x1b[2mcodex_app_server\x1b[0m: no bubblewrap\n";
}  // namespace

TEST_CASE("TheErrorThatTheLogEndsWithIsTheCause") {
  CHECK(exit_diagnostic(kUsual + "Error: app-server control socket is already in use at /s/app.sock\n", {}) ==
        "Error: app-server control socket is already in use at /s/app.sock");
  CHECK(exit_diagnostic(kUsual + "Error: invalid type: integer `3`, expected a map\nin `model_providers`\n\n", {}) ==
        "Error: invalid type: integer `3`, expected a map in `model_providers`");
  CHECK(exit_diagnostic("error: unexpected argument '--x' found\n\nUsage: codex app-server [OPTIONS]\n", {}) ==
        "error: unexpected argument '--x' found Usage: codex app-server [OPTIONS]");
  CHECK(exit_diagnostic("Error: an earlier one\nthread 'main' panicked at src/main.rs:1:2:\nboom", {}) ==
        "thread 'main' panicked at src/main.rs:1:2: boom");
  CHECK(exit_diagnostic(kUsual, {}) == "2026-01-02T03:04:05Z ERROR codex_app_server: no bubblewrap");
  CHECK(exit_diagnostic("", {}).empty());
  CHECK(exit_diagnostic("\n\r\n\x1b[0m", {}).empty());
}

TEST_CASE("LastWordsAreOneBoundedLineOfText") {
  auto const words =
      exit_diagnostic("Error: \x1b]0;title\x07" + std::string(1000, 'x') + "\n" + std::string(1000, 'y'), {});
  CHECK(words.size() == 300);
  CHECK(words.ends_with("x..."));
  CHECK(exit_diagnostic("Error: a\tb\x01\x7f\x1b[31mc\rd\n", {}) == "Error: a bc d");
  for (std::size_t length = 280; length < 300; ++length)  // a character is never cut in two
    CHECK(is_utf8(exit_diagnostic("Error: " + std::string(length, 'x') + "€€€€€€€€€€", {})));
  CHECK(exit_diagnostic("Error: \xff\xfe gone", {}) == "Error:  gone");  // as a terminal, which leaves such bytes out
}

TEST_CASE("LastWordsHoldNoSecret") {
  CHECK(exit_diagnostic("Error: invalid type: string \"sk-proj-abc_DEF123456\", expected a map", {}) ==
        "Error: invalid type: string \"[hidden]\", expected a map");
  CHECK(exit_diagnostic("Error: Authorization: Bearer abcdef.ghijkl-123 refused", {}) ==
        "Error: Authorization: Bearer [hidden] refused");
  CHECK(exit_diagnostic("Error: no answer of http://me:pass@proxy:80/ (it is http://proxy:80)", {}) ==
        "Error: no answer of http://[hidden]@proxy:80/ (it is http://proxy:80)");
  CHECK(exit_diagnostic("Error: missing Bearer token", {}) == "Error: missing Bearer token");
  CHECK(exit_diagnostic("Error: p4ssw0rd!! twice p4ssw0rd!! and 1", {"p4ssw0rd!!", "1", ""}) ==
        "Error: [hidden] twice [hidden] and 1");
}

TEST_CASE("TheAdapterReadsTheEndOfTheServersLog") {
  test::LaunchSetup setup(adapters::make_codex_adapter());
  CHECK(setup.adapter->exit_diagnostic(setup.request).empty());
  setup.request.environment["MY_API_KEY"] = "very secret";
  setup.write("agent/codex/server.log", std::string(100'000, 'x') + "\nError: the very secret socket is taken\n");
  CHECK(setup.adapter->exit_diagnostic(setup.request) ==
        "Codex's app server said \"Error: the [hidden] socket is taken\"");
}
