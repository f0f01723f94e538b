// Checks a proof that a message was delivered, and the daemon's own log.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/local_files.hpp"
#include "cli/proof_check.hpp"
#include "cli/text.hpp"

#include <optional>

namespace ar::cli {
namespace {

constexpr std::size_t kMostBytes = 64U << 20;

std::string_view word_of(ProofFinding::Kind kind) {
  return kind == ProofFinding::Kind::good ? "ok" : kind == ProofFinding::Kind::bad ? "WRONG" : "open";
}
Colour colour_of(ProofFinding::Kind kind) {
  return kind == ProofFinding::Kind::good  ? Colour::green
         : kind == ProofFinding::Kind::bad ? Colour::red
                                           : Colour::yellow;
}

Result<int> verify_document(Context& context, std::string const& file) {
  auto const text = file == "-" ? stdin_input() : read_file(file, kMostBytes);
  if (!text) return text.error();
  auto const proof = parse_json(*text);
  if (!proof) return invalid(file, "this is no proof: " + proof.error().message);
  auto const findings = check_proof(*proof);
  bool const good = holds(findings);
  if (context.json_output()) {
    json list = json::array();
    for (auto const& finding : findings) list.push_back({{"result", word_of(finding.kind)}, {"text", finding.text}});
    context.print_json(json{{"holds", good}, {"findings", std::move(list)}});
  } else {
    for (auto const& finding : findings) {
      std::string word(word_of(finding.kind));
      word.resize(6, ' ');
      context.print(paint(word, colour_of(finding.kind), context.colour()) + single_line(finding.text) + "\n");
    }
    context.print(good ? "the proof holds\n" : "the proof does not hold\n");
  }
  return good ? exit_done : exit_failed;
}

Result<int> verify_log(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const log = (*api)->get("/v1/events/check");
  if (!log) return log.error();
  bool const whole = !log->contains("broken") || (*log)["broken"].is_null();
  if (context.json_output()) {
    context.print_json(*log);
  } else {
    context.print(field(*log, "checked") + " events from " + field(*log, "first") + " to " + field(*log, "last") +
                  " follow from the one before them; of " + field(*log, "unchained") + " that cannot be said\n");
    if (whole)
      context.print("the last one's chain is " + field(*log, "head") + "\n");
    else
      context.print(paint("event " + field(*log, "broken") + " does not: it, or the one before, was changed\n",
                          Colour::red, context.colour()));
  }
  return whole ? exit_done : exit_failed;
}

void add(Program& program) {
  auto const file = std::make_shared<std::optional<std::string>>();
  program
      .verb("Messages", "verify", "Check a message's proof, without the daemon; or the daemon's log",
            "verify proof.json")
      .argument("FILE|-", *file, "Of `message proof`; when left out, the log is checked", Words::file)
      .runs([file](Context& context) { return *file ? verify_document(context, **file) : verify_log(context); });
}
Family const family(22, add);

}  // namespace
}  // namespace ar::cli
