// Runs the real agent-runner binary in an environment of its own.
#pragma once
#include "support/temp_dir.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

namespace ar::test {

struct Ran {
  int status = -1;  ///< exit status, or 128 + signal
  std::string out, err;
};

/// One process under way; ended when destroyed.
class CliProcess {
 public:
  CliProcess(std::filesystem::path const& program, std::vector<std::string> const& arguments,
             std::vector<std::string> const& environment, std::filesystem::path const& directory,
             bool terminal = false);
  ~CliProcess();
  CliProcess(CliProcess const&) = delete;
  CliProcess& operator=(CliProcess const&) = delete;

  /// Writes all of `input`, then closes stdin, reading the output meanwhile until the process has ended.
  Ran finish(std::string input = {}, std::chrono::seconds patience = std::chrono::seconds(60));
  /// The next line of stdout, without its end; "<timeout>" or "<end>" when there is none.
  std::string read_line(std::chrono::seconds patience = std::chrono::seconds(60));
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
  std::string pending_;
  bool ended_ = false;
};

/// A private home, state directory and folder to run in.
class CliHome {
 public:
  CliHome();
  std::filesystem::path const& dir() const { return temp_.path(); }
  std::filesystem::path state() const { return temp_.path() / "s"; }
  std::filesystem::path socket() const { return state() / "run" / "control.sock"; }
  std::vector<std::string> environment(std::vector<std::string> const& more = {}) const;

  Ran run(std::vector<std::string> const& arguments, std::string input = {},
          std::vector<std::string> const& more = {}) const;
  /// On a pseudo terminal of 100 columns; everything it shows is in `out`.
  Ran run_on_terminal(std::vector<std::string> const& arguments, std::vector<std::string> const& more = {}) const;

  std::filesystem::path program;  ///< build/bin/agent-runner unless a test puts another one here

 private:
  TempDir temp_;
};

}  // namespace ar::test
