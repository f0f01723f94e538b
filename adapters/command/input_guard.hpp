// What must hold before anything is typed into a program that we know nothing of: it takes input, and nobody else's
// line would be sent with ours.
#pragma once
#include "terminal/terminal.hpp"

#include <memory>
#include <string>
#include <vector>

namespace ar::adapters::command {

class InputGuard {
 public:
  /// `takes_pastes`: of several lines, which no editor of lines does.
  InputGuard(std::shared_ptr<terminal::Terminal> terminal, bool takes_pastes)
      : terminal_(std::move(terminal)), takes_pastes_(takes_pastes) {}

  /// For a program that declares no sign: returns when it reads keys and is silent, or waits for a line. One that does
  /// neither (it may read in a way that the system does not show) counts as ready when it has been silent for long, and
  /// one that is never silent after a while.
  awaitable<void> until_it_reads();
  /// For one that has given its sign: some say that they are ready and then exec what does the work.
  awaitable<void> settle();
  bool left_to_a_shell() const { return left_to_a_shell_; }
  /// It is ready: what has the input now is what messages are for, but for a shell that it left behind, whose end is
  /// waited for; and what stands on its line now is its prompt. `asked_for`: its command. `adopted`: what was kept to
  /// before, and somebody may have begun a line since.
  awaitable<void> keep(std::vector<std::string> const& asked_for, bool adopted);
  /// Why nothing may be typed at this moment; empty: it may.
  awaitable<std::string> obstacle();
  awaitable<void> until_line_is_gone();
  awaitable<void> until_program_is_back();

 private:
  awaitable<void> until_no_shell(std::vector<std::string> const& asked_for);
  /// What stands before the cursor.
  struct Line {
    std::string text{};
    int column = 0;
    bool operator==(Line const&) const = default;
  };
  awaitable<Line> line();
  awaitable<bool> is_half_typed(terminal::Foreground const& now);

  std::shared_ptr<terminal::Terminal> terminal_;
  bool const takes_pastes_;
  bool left_to_a_shell_ = false;
  Line prompt_{};  ///< the program's own
  Line half_typed_{};
};

}  // namespace ar::adapters::command
