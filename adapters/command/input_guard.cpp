#include "adapters/command/input_guard.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>
#include <vector>

namespace ar::adapters::command {
namespace {

using namespace std::chrono_literals;
constexpr auto kSilent = 300ms;       ///< of a program that reads keys: it has drawn itself
constexpr auto kSilentForLong = 10s;  ///< of one that is not seen reading
constexpr auto kNeverSilent = 30s;    ///< of one that always has something to show
constexpr auto kBusyPatience = 2s;    ///< for one that reads lines to come back to its input
constexpr auto kSettled = 50ms;       ///< after its sign; what it execs then comes at once
constexpr auto kLook = 20ms;          ///< nothing tells when a process begins to wait
constexpr auto kLookAgain = 5s;       ///< for what changes without output

/// One that nobody has given a script to run.
bool is_bare_shell(std::string const& command_line) {
  static constexpr std::array<std::string_view, 9> kShells{"sh",  "bash", "dash", "ash", "ksh",
                                                           "zsh", "fish", "csh",  "tcsh"};
  std::istringstream words(command_line);
  std::string name, option;
  words >> name;
  name.erase(0, std::min(name.find_first_not_of('-'), name.size()));  // "-bash": a login shell
  name.erase(0, name.rfind('/') + 1);
  while (words >> option)
    if (!option.starts_with('-') || option == "-c") return false;
  return std::ranges::find(kShells, name) != kShells.end();
}

bool takes_input(terminal::Foreground const& now) { return now.raw || now.reads_line; }

}  // namespace

awaitable<void> InputGuard::until_it_reads() {
  auto watch = terminal_->watch_output();
  if (!watch) co_return;
  auto const begun = Clock::now();
  auto silent_since = begun;
  while (terminal_->alive() && Clock::now() - silent_since < kSilentForLong && Clock::now() - begun < kNeverSilent) {
    auto const now = terminal_->foreground();
    if (!now || now->reads_line) co_return;
    auto const wait = now->raw ? kSilent : Clock::duration(kLook);
    bool const wrote = co_await (*watch)->wait(Clock::now() + wait);
    (void)(*watch)->take();
    if (wrote) silent_since = Clock::now();
    if (!wrote && now->raw) co_return;
  }
}

awaitable<void> InputGuard::settle() {
  unsigned long image = 0;
  for (auto const deadline = Clock::now() + kBusyPatience; Clock::now() < deadline;) {
    auto const now = terminal_->foreground();
    if (!now || (now->asleep && now->image == image)) co_return;
    image = now->asleep ? now->image : 0;
    co_await sleep_for(kSettled);
  }
}

awaitable<void> InputGuard::until_no_shell(std::vector<std::string> const& asked_for) {
  std::string asked;
  for (auto const& word : asked_for) asked += word + " ";
  if (is_bare_shell(asked)) co_return;
  left_to_a_shell_ = is_bare_shell(terminal_->foreground_command());
  if (!left_to_a_shell_) co_return;
  auto watch = terminal_->watch_output();
  while (watch && terminal_->alive() && is_bare_shell(terminal_->foreground_command()))
    co_await (*watch)->wait(Clock::now() + kLookAgain);
  left_to_a_shell_ = false;
}

awaitable<void> InputGuard::keep(std::vector<std::string> const& asked_for, bool adopted) {
  bool const noted = adopted && terminal_->keep_as_noted();
  if (noted && terminal_->program_has_input()) co_return;
  co_await until_no_shell(asked_for);
  if (noted) co_return;
  co_await terminal_->keep_to_program();
  if (!adopted) prompt_ = co_await line();
}

awaitable<std::string> InputGuard::obstacle() {
  bool const no_line_to_find = takes_pastes_ || prompt_.column == 0;  // while it reads keys
  if (no_line_to_find && terminal_->gives_keys()) co_return std::string();
  auto now = terminal_->foreground();
  // Between two reads another program may take its place, which would get the text.
  auto const deadline = Clock::now() + kBusyPatience;
  while (now && !takes_input(*now) && terminal_->program_has_input() && Clock::now() < deadline) {
    co_await sleep_for(kLook);
    now = terminal_->foreground();
  }
  if (!now || (takes_pastes_ && now->raw)) co_return std::string();
  bool const half_typed = co_await is_half_typed(*now);
  if (!half_typed) co_return std::string();
  co_return "a line that somebody has begun stands in its terminal: \"" + half_typed_.text + "\"";
}

awaitable<bool> InputGuard::is_half_typed(terminal::Foreground const& now) {
  // Where neither the program's prompt nor the kernel can tell, a look at the screen would be for nothing.
  if (now.raw ? prompt_.column == 0 : now.reprint == 0 || !now.reads_line) co_return false;
  auto const standing = co_await line();
  if (standing.column == 0 || standing == prompt_) co_return false;
  if (now.raw) {  // its own editor: what goes on behind its prompt is a person's
    half_typed_ = standing;
    co_return standing.text.starts_with(prompt_.text) && standing.column > prompt_.column;
  }
  // The program's own words, or a line that the kernel keeps until Enter: it shows the latter alone once more.
  auto watch = terminal_->watch_output();
  std::vector<std::string> const key{std::string("C-") + static_cast<char>(now.reprint | 0x60)};
  auto const pressed = co_await terminal_->keys(key);
  if (!watch || !pressed) co_return false;
  co_await (*watch)->wait(Clock::now() + kSilent);
  half_typed_ = co_await line();
  if (half_typed_.column == 0) prompt_ = standing;
  co_return half_typed_.column > 0;
}

awaitable<void> InputGuard::until_line_is_gone() {
  auto watch = terminal_->watch_output();
  while (watch && terminal_->alive()) {
    co_await (*watch)->wait(Clock::now() + kLookAgain);
    auto const standing = co_await line();
    if (standing.column == 0 || standing == prompt_) co_return;
    if (!standing.text.starts_with(half_typed_.text) && !half_typed_.text.starts_with(standing.text)) co_return;
  }
}

awaitable<void> InputGuard::until_program_is_back() {
  auto watch = terminal_->watch_output();
  while (watch && terminal_->alive() && !terminal_->program_has_input())
    co_await (*watch)->wait(Clock::now() + kLookAgain);
}

awaitable<InputGuard::Line> InputGuard::line() {
  auto const screen = co_await terminal_->capture();
  Line line;
  if (!screen || screen->cursor_y < 0 || static_cast<std::size_t>(screen->cursor_y) >= screen->lines.size())
    co_return line;
  line.text = screen->lines[static_cast<std::size_t>(screen->cursor_y)];
  line.column = screen->cursor_x;
  co_return line;
}

}  // namespace ar::adapters::command
