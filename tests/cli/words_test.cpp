// What the command line understands, and what it reads from the wire.
#include "cli/command.hpp"
#include "cli/completion.hpp"
#include "cli/context.hpp"
#include "cli/log_reader.hpp"
#include "cli/sse.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <thread>

using namespace ar;
using namespace ar::cli;

namespace {

std::vector<std::string> data_of(std::string const& bytes, std::size_t piece) {
  EventStreamParser parser;
  std::vector<std::string> found;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    parser.feed(std::string_view(bytes).substr(at, piece));
    while (auto event = parser.next()) found.push_back(event->id + "=" + event->data);
  }
  return found;
}

struct Options {
  std::string to, text, wait;
  std::optional<std::string> from;
  std::vector<std::string> tags, agents, rest;
  bool flag = false;
};

/// A little program with one verb of each kind; the options it was run with are in `given`.
int run(std::vector<std::string> words, Options& given) {
  Program program;
  auto say = program.verb("A", "say", "Says", "say a b");
  say.argument("TO", given.to, "To", Words::agent)
      .argument("TEXT|-", given.text, "Text")
      .option("--from", given.from, "NAME", "From")
      .option("--tag", given.tags, "TAG", "Tags")
      .flag("-u,--urgent", given.flag, "Urgent")
      .flag_or_choice("--wait", given.wait, "done", {"accepted", "done"}, "Wait")
      .runs([](Context&) -> Result<int> { return 0; });
  program.verb("A", "stop", "Stops", "stop a")
      .argument("AGENT", given.agents, "Agents", Words::agent)
      .runs([](Context&) -> Result<int> {
        return not_found("agent_not_found", "no agent x; agent-runner ps lists them");
      });
  program.verb("A", "start", "Starts", "start -- x")
      .rest(given.rest, "ARGS", "arguments")
      .runs([](Context&) -> Result<int> { return 0; });
  auto dead = program.verb("B", "dead", "Dead", "dead");
  dead.command("requeue", "Again", "dead requeue 1").argument("ID", given.text, "Id").runs([](Context&) -> Result<int> {
    return 0;
  });
  return program.run(std::move(words));
}

std::vector<std::string> words_of(Completion const& completion) {
  std::vector<std::string> words;
  for (auto const& candidate : completion.candidates) words.push_back(candidate.word);
  return words;
}

Completion completed(std::vector<std::string> const& words) {
  static Options ignored;
  static Program program;
  static bool const built = [] {
    program.verb("A", "spawn", "Spawn", "spawn")
        .choice("--provider", ignored.from, {"claude", "codex"}, "Provider")
        .option("--cwd", ignored.from, "DIR", "Cwd", Words::directory);
    program.verb("A", "send", "Send", "send")
        .argument("TO", ignored.to, "To", Words::agent)
        .argument("TEXT", ignored.text, "Text")
        .option("--attach", ignored.tags, "FILE", "File", Words::file);
    program.verb("A", "stop", "Stop", "stop").argument("AGENT", ignored.agents, "Agents", Words::agent);
    program.verb("A", "message", "Message", "message").command("show", "Show", "message show 1");
    program.verb("", "__hidden", "Hidden", "hidden");
    return true;
  }();
  REQUIRE(built);
  return complete(program.info(), words);
}

}  // namespace

TEST_CASE("StreamsAreReadWholeHoweverTheyAreCutUp") {
  std::string const bytes =
      ": hello\n\nid: 7\n\nid: 8\nevent: x\ndata: {\"a\":1}\n\ndata: one\r\ndata:two\r\n\r\nid:9\rdata: "
      "last\r\r: keep-alive\n\n";
  for (std::size_t const piece : {1UL, 2UL, 3UL, 7UL, 1000UL}) {
    CAPTURE(piece);
    CHECK(data_of(bytes, piece) == std::vector<std::string>{"8={\"a\":1}", "8=one\ntwo", "9=last"});
  }
  EventStreamParser parser;
  parser.feed("id: 5\n\n");
  CHECK(!parser.next().has_value());
  CHECK(parser.last_id() == "5");
  parser.feed("id: 6\ndata: torn");
  CHECK(!parser.next().has_value());
  CHECK(parser.last_id() == "5");
}

TEST_CASE("WordsGoWhereTheyBelong") {
  Options given;
  REQUIRE(run({"say", "--tag", "one", "alice", "--wait", "--tag", "two", "stop", "--from", "me", "-u"}, given) == 0);
  CHECK(given.to == "alice");
  CHECK(given.text == "stop");  // a verb's name as text is text
  CHECK(given.wait == "done");
  CHECK(given.tags == std::vector<std::string>{"one", "two"});
  CHECK(given.flag);
  CHECK(*given.from == "me");
}

TEST_CASE("TextIsTakenAsItIs") {
  for (auto const* text :
       {"{}", "[1,2]", "", "a=b", "- item", "--- rule ---", "%%", "\"quoted\"", "'x'", "-", "/x", "1e5", "żółw 🚀"}) {
    Options given;
    CAPTURE(text);
    CHECK(run({"say", "alice", text}, given) == 0);
    CHECK(given.text == text);
  }
  Options given;
  CHECK(run({"say", "alice", "--", "--dashed text"}, given) == 0);
  CHECK(given.text == "--dashed text");
}

TEST_CASE("WhatFollowsTheDashesBelongsToTheProvider") {
  Options given;
  REQUIRE(run({"start", "--", "--model", "x", "--", "-y"}, given) == 0);
  CHECK(given.rest == std::vector<std::string>{"--model", "x", "--", "-y"});
}

TEST_CASE("WrongUsageIsStatusTwo") {
  for (auto const& words : std::vector<std::vector<std::string>>{{},
                                                                 {"nonsense"},
                                                                 {"say"},
                                                                 {"say", "a"},
                                                                 {"say", "a", "b", "c"},
                                                                 {"say", "a", "b", "--nonsense"},
                                                                 {"say", "a", "b", "--wait=never"},
                                                                 {"say", "a", "b", "--from"},
                                                                 {"say", "a", "b", "--from", "x", "--from", "y"},
                                                                 {"stop"},
                                                                 {"dead"},
                                                                 {"dead", "nonsense"},
                                                                 {"--state-dir"}}) {
    Options given;
    CAPTURE(words.size());
    CHECK(run(words, given) == 2);
  }
}

TEST_CASE("HelpIsASuccessAndAnErrorKeepsItsKind") {
  Options given;
  CHECK(run({"--help"}, given) == 0);
  CHECK(run({"say", "--help"}, given) == 0);
  CHECK(run({"stop", "x"}, given) == 3);
}

TEST_CASE("CompletionKnowsVerbsOptionsAndChoices") {
  CHECK(words_of(completed({"s"})) == std::vector<std::string>{"spawn", "send", "stop"});
  CHECK(words_of(completed({""})) == std::vector<std::string>{"spawn", "send", "stop", "message"});
  CHECK(words_of(completed({"spawn", "--provider", "co"})) == std::vector<std::string>{"codex"});
  CHECK(words_of(completed({"spawn", "--p"})) == std::vector<std::string>{"--provider"});
  CHECK(words_of(completed({"spawn", "--no"})) == std::vector<std::string>{"--no-start"});
  CHECK(words_of(completed({"message", ""})) == std::vector<std::string>{"show"});
  CHECK(words_of(completed({"message", "show", ""})).empty());
  CHECK(words_of(completed({"--state-dir", "x", "st"})) == std::vector<std::string>{"stop"});
}

TEST_CASE("CompletionKnowsWhereAgentsAndFilesFit") {
  CHECK(completed({"send", ""}).words == Words::agent);
  CHECK(completed({"send", "alice", ""}).words == Words::any);
  CHECK(completed({"stop", "alice", "bob", ""}).words == Words::agent);
  CHECK(completed({"send", "--attach", ""}).words == Words::file);
  CHECK(completed({"spawn", "--cwd", ""}).words == Words::directory);
  CHECK(completed({"--state-dir", ""}).words == Words::directory);
  CHECK(completed({"send", "--", ""}).words == Words::any);
}

TEST_CASE("LogsAreFollowedThroughRotation") {
  test::TempDir temp;
  auto const file = temp.path() / "daemon.log";
  LogReader reader(file);
  std::vector<std::string> lines;
  auto const read = [&] { REQUIRE(reader.read([&](std::string_view line) { lines.emplace_back(line); }).has_value()); };
  REQUIRE(reader.watch().has_value());
  read();
  CHECK(lines.empty());  // not there yet

  std::ofstream(file) << "one\ntw";
  REQUIRE(reader.wait(std::chrono::seconds(30)));
  read();
  CHECK(lines == std::vector<std::string>{"one"});
  std::ofstream(file, std::ios::app) << "o\n";
  REQUIRE(reader.wait(std::chrono::seconds(30)));
  read();
  std::ofstream(file, std::ios::app) << "three\n";
  std::filesystem::rename(file, temp.path() / "daemon.1.log");
  std::ofstream(file) << "four\n";
  REQUIRE(reader.wait(std::chrono::seconds(30)));
  read();
  CHECK(lines == std::vector<std::string>{"one", "two", "three", "four"});
}

TEST_CASE("OtherFilesOfTheFolderDoNotWakeALogReader") {
  test::TempDir temp;
  LogReader reader(temp.path() / "daemon.log");
  REQUIRE(reader.watch().has_value());
  std::ofstream(temp.path() / "journal.db") << "x";
  CHECK(!reader.wait(std::chrono::milliseconds(50)));
}
