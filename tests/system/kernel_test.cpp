// What the kernel refuses, as in a container of an old runtime, is said at the start and nothing is left half begun.
#include "system/installation.hpp"

using ar::json;
using ar::test::Installation;
using ar::test::Outcome;

namespace {

/// Every process whose command line names the state directory.
int processes_of(Installation const& home) {
  int running = 0;
  std::error_code ec;
  for (auto const& entry : std::filesystem::directory_iterator("/proc", ec)) {
    std::ifstream file(entry.path() / "cmdline");
    std::string words, word;
    while (std::getline(file, word, '\0')) words += word + " ";
    running += words.find(home.state().string()) != std::string::npos;
  }
  return running;
}

}  // namespace

TEST_CASE("WhatTheKernelRefusesEndsTheStartWithItsReason") {
  for (std::string const call :
       {"pidfd_open", "pidfd_send_signal", "epoll_create1", "eventfd", "timerfd_create", "inotify_init1"}) {
    CAPTURE(call);
    Installation home;
    auto const says = [&](Outcome const& outcome, std::string const& where) {
      CHECK(outcome.status == 1);
      CHECK_MESSAGE(where.find(call + ", which is needed ") != std::string::npos, outcome.out, outcome.err);
      CHECK_MESSAGE(where.find("is refused here (Operation not permitted); Linux 5.3") != std::string::npos, where);
    };
    home.prefix = {AR_REFUSE_SYSCALL, call};
    auto const daemon = std::string(AR_BIN_DIR) + "/agent-runnerd";
    std::vector<std::string> const own{"--state-dir", home.state().string()};
    auto ran = home.run_program(daemon, own, "");
    says(ran, ran.err);
    auto waited_for = own;
    waited_for.insert(waited_for.end(), {"--ready-fd", "1"});
    ran = home.run_program(daemon, waited_for, "");
    says(ran, ran.out);
    CHECK(ran.out.starts_with("ERROR "));
    auto relay = own;
    relay.insert(relay.end(), {"relay", "--listen", "127.0.0.1:0"});
    ran = home.run_program(daemon, relay, "");
    says(ran, ran.err);
    for (std::vector<std::string> const& verb : {std::vector<std::string>{"up"}, {"ps"}, {"down"}}) {
      ran = home.run(verb);
      says(ran, ran.err);
    }
    ran = home.run({"doctor", "--json"});
    says(ran, ran.out + ran.err);
    CHECK(processes_of(home) == 0);
    CHECK_FALSE(std::filesystem::exists(home.state() / "daemon.lock"));
    CHECK_FALSE(std::filesystem::exists(home.state() / "run"));
    home.prefix.clear();
    home.good({"up"});  // nothing is in the way
  }
}
