#include "cli/command.hpp"

#include "base/kernel.hpp"
#include "base/suggest.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/text.hpp"

// Not <CLI/CLI.hpp>: it adds the configuration file reader and more, none of it used.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

namespace ar::cli {
namespace {

std::vector<std::string> split_names(std::string const& names) {
  std::vector<std::string> list;
  for (std::size_t at = 0; at <= names.size();) {
    auto const comma = std::min(names.find(',', at), names.size());
    list.push_back(names.substr(at, comma - at));
    at = comma + 1;
  }
  return list;
}

std::string joined(std::vector<std::string> const& words) {
  std::string text;
  for (auto const& word : words) text += (text.empty() ? "" : "|") + word;
  return text;
}

struct Registered {
  int rank;
  void (*add)(Program&);
};
std::vector<Registered>& families() {
  static std::vector<Registered> list;
  return list;
}

/// The first word that looks like an option and is none of this verb's.
std::string stray_option(CommandInfo const& verb, CommandInfo const& program, std::vector<std::string> const& words) {
  auto const knows = [](CommandInfo const& command, std::string const& name) {
    return std::any_of(command.options.begin(), command.options.end(), [&](OptionInfo const& option) {
      return std::find(option.names.begin(), option.names.end(), name) != option.names.end();
    });
  };
  for (auto const& word : words) {
    if (word == "--") break;
    auto const name = word.substr(0, word.find('='));
    if (word.size() < 2 || word[0] != '-' || word[1] == ' ' || knows(verb, name) || knows(program, name)) continue;
    bool const below =
        std::any_of(verb.commands.begin(), verb.commands.end(), [&](auto const& c) { return knows(*c, name); });
    if (!below) return word;
  }
  return {};
}

bool takes_text(CommandInfo const& verb) {
  return std::any_of(verb.arguments.begin(), verb.arguments.end(),
                     [](OptionInfo const& word) { return word.names[0].starts_with("TEXT"); });
}

std::vector<std::string> names_of(std::vector<std::unique_ptr<CommandInfo>> const& commands) {
  std::vector<std::string> names;
  for (auto const& command : commands)
    if (!command->name.starts_with("__")) names.push_back(command->name);
  return names;
}

std::vector<std::string> names_of(std::vector<OptionInfo> const& options) {
  std::vector<std::string> names;
  for (auto const& option : options) names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

/// Where the first word stands that is neither a global option nor its value; `words.size()`: there is none.
std::size_t place_of_verb(std::vector<std::string> const& words) {
  std::size_t at = 0;
  while (at < words.size() && words[at].starts_with('-') && words[at] != "--version")
    at += words[at] == "--state-dir" ? 2 : 1;
  return std::min(at, words.size());
}

/// What people type out of habit, in this program's words: `ls` is `ps`, `help send` is `send --help`.
std::vector<std::string> in_our_words(std::vector<std::string> words) {
  auto const at = place_of_verb(words);
  if (at == words.size()) return words;
  if (words[at] == "--version") words[at] = "version";
  if (words[at] == "ls") words[at] = "ps";
  if (words[at] != "help") return words;
  words.erase(words.begin() + static_cast<std::ptrdiff_t>(at));
  words.emplace_back("--help");
  return words;
}

class Layout : public CLI::Formatter {
 public:
  Layout() {
    column_width(30);
    label("OPTIONS", "options");
    label("SUBCOMMAND", "VERB");
    label("Positionals", "Words");
    label("Subcommands", "What");
  }
  std::string make_option_name(CLI::Option const* option, bool positional) const override {
    auto name = CLI::Formatter::make_option_name(option, positional);
    return name.substr(0, name.find('{'));  // a flag's value when bare, of no use to the reader
  }
};

std::shared_ptr<CLI::FormatterBase> layout() {
  static auto const one = std::make_shared<Layout>();
  return one;
}

/// What nobody has foreseen is most often what the kernel refuses.
Result<int> carry_out(Action const& action, Context& context) {
  try {
    return action(context);
  } catch (std::exception const& e) {
    if (auto given = check_kernel(); !given) return given.error();
    return internal("bug", std::string("stopped by an internal error: ") + e.what());
  }
}

}  // namespace

struct Command::Impl {
  CLI::App* app = nullptr;
  CommandInfo* info = nullptr;
  Action action{};
  std::vector<std::string>* rest = nullptr;
  bool people_only = false;
  std::vector<std::shared_ptr<Impl>> below{};

  Command add(std::optional<std::string> group, std::string name, std::string help, std::string const& example) {
    auto child = std::make_shared<Impl>();
    child->app = app->add_subcommand(name, help)->fallthrough();
    if (!group)
      child->app->group("");
    else if (!group->empty())
      child->app->group(*group);
    child->app->formatter(layout());
    child->app->footer("Example:\n  agent-runner " + example);
    auto described = std::make_unique<CommandInfo>();
    described->name = std::move(name);
    described->help = std::move(help);
    child->info = described.get();
    child->people_only = people_only;
    info->commands.push_back(std::move(described));
    below.push_back(child);
    return Command(child);
  }

  /// The deepest command that was given.
  Impl& given() {
    for (auto const& child : below)
      if (child->app->parsed()) return child->given();
    return *this;
  }
};

Command Command::command(std::string name, std::string help, std::string example) {
  return impl_->add("Commands", std::move(name), std::move(help), example);
}

Command& Command::flag(std::string names, bool& target, std::string help) {
  impl_->app->add_flag(names, target, help);
  impl_->info->options.push_back({.names = split_names(names), .help = std::move(help), .takes_value = false});
  return *this;
}

Command& Command::flag_or_choice(std::string name, std::string& target, std::string bare,
                                 std::vector<std::string> choices, std::string help) {
  help += " (" + name + "=" + joined(choices) + "; " + bare + " when bare)";
  impl_->app->add_flag(name + "{" + bare + "}", target, help)->check(CLI::IsMember(choices))->option_text(" ");
  impl_->info->options.push_back({.names = {name}, .help = std::move(help), .takes_value = false});
  return *this;
}

Command& Command::flag_or_value(std::string name, std::string& target, std::string bare, std::string placeholder,
                                std::string help) {
  impl_->app->add_flag(name + "{" + bare + "}", target, help)->option_text("[=" + placeholder + "]");
  impl_->info->options.push_back({.names = {name}, .help = std::move(help), .takes_value = false});
  return *this;
}

Command& Command::option(std::string names, std::optional<std::string>& target, std::string placeholder,
                         std::string help, Words words) {
  impl_->app
      ->add_option_function<std::string>(
          names, [&target](std::string const& value) { target = value; }, help)
      ->option_text(std::move(placeholder));
  impl_->info->options.push_back({.names = split_names(names), .help = std::move(help), .words = words});
  return *this;
}

Command& Command::choice(std::string names, std::optional<std::string>& target, std::vector<std::string> choices,
                         std::string help) {
  impl_->app
      ->add_option_function<std::string>(
          names, [&target](std::string const& value) { target = value; }, help)
      ->check(CLI::IsMember(choices))
      ->option_text(joined(choices));
  impl_->info->options.push_back({.names = split_names(names), .help = std::move(help), .choices = std::move(choices)});
  return *this;
}

Command& Command::option(std::string names, std::vector<std::string>& target, std::string placeholder, std::string help,
                         Words words) {
  // Without allow_extra_args(false) one --tag would eat every word that follows.
  impl_->app->add_option(names, target, help)->allow_extra_args(false)->option_text(std::move(placeholder) + " ...");
  impl_->info->options.push_back({.names = split_names(names), .help = std::move(help), .words = words});
  return *this;
}

Command& Command::argument(std::string name, std::string& target, std::string help, Words words,
                           std::vector<std::string> choices) {
  auto* const option = impl_->app->add_option(name, target, help)->required()->option_text(" ");
  if (!choices.empty()) option->check(CLI::IsMember(choices));
  impl_->info->arguments.push_back(
      {.names = {name}, .help = std::move(help), .words = words, .choices = std::move(choices)});
  return *this;
}

Command& Command::argument(std::string name, std::optional<std::string>& target, std::string help, Words words) {
  impl_->app
      ->add_option_function<std::string>(
          name, [&target](std::string const& value) { target = value; }, help)
      ->option_text(" ");
  impl_->info->arguments.push_back({.names = {name}, .help = std::move(help), .words = words});
  return *this;
}

Command& Command::argument(std::string name, std::vector<std::string>& target, std::string help, Words words) {
  impl_->app->add_option(name, target, help)->required()->option_text(" ");
  impl_->info->arguments.push_back({.names = {name}, .help = std::move(help), .words = words, .repeated = true});
  return *this;
}

Command& Command::rest(std::vector<std::string>& target, std::string name, std::string help) {
  impl_->rest = &target;
  impl_->info->takes_rest = true;
  impl_->app->footer("After --, " + name + ": " + help + "\n\n" + impl_->app->get_footer());
  return *this;
}

Command& Command::people_only() {
  impl_->people_only = true;
  return *this;
}

void Command::runs(Action action) { impl_->action = std::move(action); }

struct Program::Impl {
  CLI::App app{"Starts coding agents in terminals, keeps them running, and delivers messages to them."};
  CommandInfo info{.name = "agent-runner", .help = {}};
  std::shared_ptr<Command::Impl> root = std::make_shared<Command::Impl>();
  Globals globals;

  static std::string first_word(std::vector<std::string> const& words) {
    auto const at = place_of_verb(words);
    return at < words.size() ? words[at] : std::string();
  }

  /// The verb that these words ask for, as far as it can be told before parsing.
  Command::Impl* verb_of(std::vector<std::string> const& words) {
    auto const found = std::find_if(root->below.begin(), root->below.end(),
                                    [name = first_word(words)](auto const& verb) { return verb->info->name == name; });
    return found == root->below.end() ? nullptr : found->get();
  }

  std::string unknown_verb(std::vector<std::string> const& words) const {
    auto const word = first_word(words);
    return word.empty() ? "name a verb: what is to be done"
                        : "there is no verb \"" + word + "\"" + suggestion(word, names_of(info.commands));
  }

  /// Of `message sho 3`: that there is no such word below `message`; empty: the verb has none, or knows it.
  static std::string unknown_word_below(CommandInfo const& verb, std::vector<std::string> const& words) {
    auto const at = place_of_verb(words) + 1;
    if (verb.commands.empty() || !verb.arguments.empty() || at >= words.size() || words[at].starts_with('-')) return {};
    auto const names = names_of(verb.commands);
    if (std::find(names.begin(), names.end(), words[at]) != names.end()) return {};
    return "there is no \"" + verb.name + " " + words[at] + "\"" + suggestion(words[at], names);
  }

  /// "agent-runner message" for show: CLI11 adds the last name by itself.
  std::string path_above(Command::Impl const& command) const {
    if (&command == root.get()) return {};
    for (auto const& verb : root->below)
      for (auto const& child : verb->below)
        if (child.get() == &command) return "agent-runner " + verb->info->name;
    return "agent-runner";
  }
};

Program::Program() : impl_(std::make_shared<Impl>()) {
  auto& [app, info, root, globals] = *impl_;
  root->app = &app;
  root->info = &info;
  app.name("agent-runner");
  app.formatter(layout());
  app.require_subcommand(1);
  app.footer(
      "Each verb has an example: agent-runner help VERB\n"
      "Exit status: 0 done, 1 failed, 2 wrong usage, 3 no such agent or message, 4 refused, 5 timed out");
  Command top(root);
  top.flag("--json", globals.json, "Print JSON: one object a line in lists and streams");
  top.option("--state-dir", globals.state_dir, "DIR", "An installation of its own (AGENT_RUNNER_STATE_DIR)",
             Words::directory);
  top.flag("--no-start", globals.no_start, "Fail rather than start the daemon when none runs");
}

Command Program::verb(std::string group, std::string name, std::string help, std::string example) {
  std::optional<std::string> shown;
  if (!group.empty()) shown = std::move(group);
  return impl_->root->add(std::move(shown), std::move(name), std::move(help), example);
}

CommandInfo const& Program::info() const { return impl_->info; }

int Program::run(std::vector<std::string> words) {
  auto& [app, info, root, globals] = *impl_;
  words = in_our_words(std::move(words));
  auto* const verb = impl_->verb_of(words);
  if (verb && verb->rest) {
    auto const marker = std::find(words.begin(), words.end(), "--");
    if (marker != words.end()) verb->rest->assign(marker + 1, words.end());
    words.erase(marker, words.end());
  }
  auto const given_words = words;
  try {
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    app.parse(words);
  } catch (CLI::CallForHelp const&) {
    auto const& about = root->given();
    std::fputs(about.app->help(impl_->path_above(about)).c_str(), stdout);
    return exit_done;
  } catch (CLI::ParseError const& e) {
    std::string message = e.what();
    if (!verb)
      message = impl_->unknown_verb(given_words);
    else if (auto const stray = stray_option(*verb->info, info, given_words); !stray.empty())
      message = "no option \"" + stray + "\" here" + suggestion(stray, names_of(verb->info->options)) +
                (takes_text(*verb->info) ? "; text that begins with a dash goes after --" : "");
    else if (auto const unknown = impl_->unknown_word_below(*verb->info, given_words); !unknown.empty())
      message = unknown;
    std::fprintf(stderr, "agent-runner: %s\nSee: agent-runner %s--help\n", printable(message).c_str(),
                 verb ? (verb->info->name + " ").c_str() : "");
    return exit_usage;
  }
  Context context(globals, info);
  auto& given = root->given();
  if (!given.action) {
    std::fprintf(stderr, "agent-runner: %s needs one more word\n\n%s", given.info->name.c_str(),
                 given.app->help(impl_->path_above(given)).c_str());
    return exit_usage;
  }
  int status = exit_done;
  auto const may = context.check(given.people_only, verb ? verb->info->name : given.info->name);
  if (auto const result = may ? carry_out(given.action, context) : Result<int>(may.error()); result) {
    status = *result;
  } else {
    context.print_error(result.error());
    status = exit_status(result.error().kind);
  }
  // A full disk behind "> file" must not look like success.
  if ((std::fflush(stdout) != 0 || std::ferror(stdout)) && status == exit_done) {
    std::fputs("agent-runner: cannot write the output\n", stderr);
    status = exit_failed;
  }
  return status;
}

Family::Family(int rank, void (*add)(Program&)) { families().push_back({rank, add}); }

void add_families(Program& program) {
  std::ranges::sort(families(), {}, &Registered::rank);
  for (auto const& family : families()) family.add(program);
}

}  // namespace ar::cli
