// A hidden verb of the daemon's: whether an answer is a JSON document that a JSON Schema describes. The daemon asks in
// a process of its own, since a schema can be such that this takes for ever, or all of the stack.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"

#include <algorithm>
#include <exception>
#include <set>
#include <sys/resource.h>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace ar::cli {
namespace {

using JsonAdapter = valijson::adapters::NlohmannJsonAdapter;

constexpr std::size_t kMostProblems = 10;
constexpr rlim_t kCpuSeconds = 10;
[[maybe_unused]] constexpr rlim_t kMemory = 1U << 30;  ///< not under a sanitizer

void limit_this_process() {
  auto const limit = [](int what, rlim_t most) {
    rlimit const both{most, most};
    ::setrlimit(what, &both);
  };
  limit(RLIMIT_CPU, kCpuSeconds);
  limit(RLIMIT_CORE, 0);
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)  // these take terabytes for themselves
  limit(RLIMIT_AS, kMemory);
#endif
}

/// In the order in which they were found: the innermost, which say most, first.
std::string text_of(valijson::ValidationResults& problems) {
  std::string text;
  std::set<std::string> said;
  valijson::ValidationResults::Error problem;
  while (said.size() < kMostProblems && problems.popError(problem)) {
    std::string place;
    for (auto const& step : problem.context) place += step == "<root>" ? "$" : step;
    auto const line = place + ": " + problem.description;
    if (said.insert(line).second) text += line + "\n";
  }
  return text;
}

Result<int> check_answer(Context& context) {
  limit_this_process();
  auto const input = stdin_input();
  if (!input) return input.error();
  auto const question = parse_object(*input);
  if (!question) return question.error();
  auto const says = [&](Exit exit, std::string const& text) -> Result<int> {
    context.print(text);
    return exit;
  };
  auto const definition = parse_json(text_at(*question, "schema"));
  if (!definition) return says(exit_usage, definition.error().message + "\n");
  valijson::Schema schema;
  try {
    valijson::SchemaParser parser;
    JsonAdapter const adapter(*definition);
    parser.populateSchema(adapter, schema);
  } catch (std::exception const& e) {
    return says(exit_usage, std::string(e.what()) + "\n");
  }
  auto const answer = parse_json(text_at(*question, "answer"));
  if (!answer) return says(exit_failed, answer.error().message + "\n");
  try {
    valijson::Validator validator;
    valijson::ValidationResults problems;
    JsonAdapter const adapter(*answer);
    if (validator.validate(schema, adapter, &problems)) return exit_done;
    return says(exit_failed, text_of(problems));
  } catch (std::exception const& e) {  // an expression in it
    return says(exit_usage, std::string(e.what()) + "\n");
  }
}

void add(Program& program) {
  program.verb("", "__check_answer", "Whether an answer fits a JSON Schema", "__check_answer < FILE")
      .runs(check_answer);
}
Family const family(52, add);

}  // namespace
}  // namespace ar::cli
