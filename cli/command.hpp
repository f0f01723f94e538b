// How a verb describes itself: its words, its help with an example, and what it does. A thin layer over
// CLI11, which is compiled in command.cpp alone; the same description feeds the completion scripts.
//
// A family of verbs lives in one file of cli/verbs/ and registers itself there; there is no central list.
// Targets (the strings and flags that options are read into) must live until the verb has run: keep them in a
// shared_ptr that the action captures.
#pragma once
#include "base/error.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::cli {

class Context;

/// What a word may be, for completion.
enum class Words {
  any,
  agent,
  address,
  approval,
  approval_mode,
  profile,
  relay_token,
  account,
  schedule,
  file,
  directory,
  provider
};

struct OptionInfo {
  std::vector<std::string> names;  ///< "--json", "-f"; empty for a positional word
  std::string help;
  bool takes_value = true;
  Words words = Words::any;
  std::vector<std::string> choices{};
  bool repeated = false;  ///< the last positional word takes any number
};

struct CommandInfo {
  std::string name;
  std::string help;
  std::vector<OptionInfo> options{};
  std::vector<OptionInfo> arguments{};
  bool takes_rest = false;
  std::vector<std::unique_ptr<CommandInfo>> commands{};
};

/// What a verb does; the value is the exit status. An Error is printed and gives its own status.
using Action = std::function<Result<int>(Context&)>;

class Command {
 public:
  /// A word below this one: `message show`.
  Command command(std::string name, std::string help, std::string example);

  Command& flag(std::string names, bool& target, std::string help);
  /// `--name` alone means `bare`; `--name=CHOICE` one of the others. Never eats the next word.
  Command& flag_or_choice(std::string name, std::string& target, std::string bare, std::vector<std::string> choices,
                          std::string help);
  /// The same with any value: `--name=VALUE`.
  Command& flag_or_value(std::string name, std::string& target, std::string bare, std::string placeholder,
                         std::string help);
  Command& option(std::string names, std::optional<std::string>& target, std::string placeholder, std::string help,
                  Words words = Words::any);
  Command& choice(std::string names, std::optional<std::string>& target, std::vector<std::string> choices,
                  std::string help);
  /// May be given again and again.
  Command& option(std::string names, std::vector<std::string>& target, std::string placeholder, std::string help,
                  Words words = Words::any);
  Command& argument(std::string name, std::string& target, std::string help, Words words = Words::any,
                    std::vector<std::string> choices = {});
  Command& argument(std::string name, std::optional<std::string>& target, std::string help, Words words = Words::any);
  /// One or more words, up to the end.
  Command& argument(std::string name, std::vector<std::string>& target, std::string help, Words words = Words::any);
  /// Everything after `--`.
  Command& rest(std::vector<std::string>& target, std::string name, std::string help);
  /// Refused inside an agent, with all the words below it that are added afterwards: what does not ask the daemon,
  /// whose own check of rights decides about the others.
  Command& people_only();
  void runs(Action action);

  /// Opaque: the parser behind it.
  struct Impl;
  explicit Command(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<Impl> impl_;
};

/// The whole command line, which families add their verbs to.
class Program {
 public:
  Program();
  /// `example` is shown in the verb's --help, without the program's name. An empty group hides the verb.
  Command verb(std::string group, std::string name, std::string help, std::string example);
  CommandInfo const& info() const;
  /// Parses, runs the verb, prints its error; returns the exit status.
  int run(std::vector<std::string> words);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Registers a family of verbs: `Family const family(10, add_verbs);` at namespace scope. Lower ranks come
/// first in the help.
struct Family {
  Family(int rank, void (*add)(Program&));
};
void add_families(Program& program);

}  // namespace ar::cli
