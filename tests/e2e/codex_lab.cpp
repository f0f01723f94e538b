#include "e2e/codex_lab.hpp"

#include "e2e/offline.hpp"

#include <fstream>
#include <sstream>

namespace ar::test {

using namespace ar::adapters;
namespace fs = std::filesystem;

CodexLab::CodexLab() : AgentLab(codex_offline(), make_codex_adapter(), milliseconds(100)) {}

awaitable<void> CodexLab::open() {
  co_await open_host();
  stub.configure(home_ / ".codex");
}

awaitable<void> CodexLab::launch() {
  request.hook_client = fs::path(AR_BIN_DIR) / "agent-runner-hook";
  request.plugin_dir = fs::path(AR_SOURCE_DIR) / "plugins" / "codex";
  if (!request.options.contains("command")) request.options["command"] = cli_;
  request.environment = {{"HOME", home_.string()},
                         {"PATH", "/usr/local/bin:/usr/bin:/bin"},
                         {"LANG", "C.UTF-8"},
                         {"TERM", "xterm-256color"}};
  co_await start();
}

awaitable<void> CodexLab::relaunch() {
  std::function<bool()> const ended = [this] { return exited(); };
  co_await until(ended, "the process has ended");
  co_await let_go();
  REQUIRE(adapter_->can_resume(request, plan.session_id));
  request.resume_session = plan.session_id;
  co_await launch();
}

pid_t CodexLab::child(std::string const& word) const {
  auto const of = std::to_string(terminal->pid());
  std::ifstream children("/proc/" + of + "/task/" + of + "/children");
  for (pid_t pid = 0; children >> pid;) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
    std::stringstream words;
    words << file.rdbuf();
    auto text = words.str();
    if (text.find('\0' + word + '\0') != std::string::npos) return pid;
  }
  return 0;
}

}  // namespace ar::test
