// agent-runnerd: the daemon's command line. People use `agent-runner`, which starts it.
#include "base/descriptors.hpp"
#include "base/kernel.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "daemon/daemon.hpp"
#include "daemon/runtime/serve_relay.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <unistd.h>

namespace {

using namespace ar;

int fail(Error const& error, int ready_fd) {
  std::fprintf(stderr, "agent-runnerd: %s\n", error.message.c_str());
  if (ready_fd >= 0) {
    auto line = "ERROR " + error.message;
    for (char& c : line)
      if (c == '\n') c = ' ';
    line += '\n';
    (void)!::write(ready_fd, line.data(), line.size());
  }
  return 1;
}

int show_config(Result<daemon::Config> const& config, Paths const& paths, bool check_only, bool as_json) {
  if (!config) {
    if (as_json) {
      json const problem = {{"ok", false}, {"error", config.error().message}, {"field", config.error().field}};
      std::cout << problem.dump() << "\n";
    } else {
      std::cerr << config.error().message << "\n";
    }
    return 1;
  }
  if (as_json) {
    json settings = json::array();
    for (auto const& entry : config->explained)
      settings.push_back({{"key", entry.key},
                          {"value", entry.value},
                          {"origin", entry.origin},
                          {"help", entry.help},
                          {"live", entry.live}});
    json const shown = {{"ok", true}, {"file", paths.config_file.string()}, {"settings", settings}};
    std::cout << shown.dump() << "\n";
    return 0;
  }
  if (check_only) {
    std::error_code ec;
    bool const exists = std::filesystem::exists(paths.config_file, ec);
    std::cout << paths.config_file.string() << (exists ? ": ok\n" : " does not exist: all values are defaults\n");
    return 0;
  }
  for (auto const& entry : config->explained)
    std::cout << entry.key << " = " << entry.value.dump() << "   # " << entry.origin << "; " << entry.help << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"agent-runner's daemon: keeps coding agents alive in tmux and brings them their messages"};
  std::string state_dir;
  int ready_fd = -1;
  bool foreground = false, as_json = false;
  app.add_option("--state-dir", state_dir, "a folder of its own for everything it keeps (default: by XDG)");
  app.add_option("--ready-fd", ready_fd, "writes READY or ERROR and why to this descriptor, then closes it");
  app.add_flag("--foreground", foreground, "log to the terminal as well");
  app.set_version_flag("--version", std::string("agent-runnerd ") + ar::kVersion);
  auto* const doctor = app.add_subcommand("doctor", "looks at this machine");
  doctor->add_flag("--json", as_json);
  auto* const config_verb = app.add_subcommand("config", "the configuration");
  config_verb->require_subcommand(1);
  auto* const check = config_verb->add_subcommand("check", "says what is wrong with it");
  auto* const show = config_verb->add_subcommand("show", "every value and where it came from");
  for (auto* verb : {check, show}) verb->add_flag("--json", as_json);
  daemon::ServedRelay served;
  auto* const relay_verb = app.add_subcommand("relay", "serves the relay to other machines, without agents");
  relay_verb->add_option("--listen", served.listen, "HOST:PORT")->required();
  relay_verb->add_option("--tls-cert", served.tls_cert, "PEM file of the certificate, with its chain");
  relay_verb->add_option("--tls-key", served.tls_key, "PEM file of its key (0600)");
  relay_verb->add_flag("--insecure", served.insecure, "beyond this machine without TLS");
  app.require_subcommand(0, 1);
  CLI11_PARSE(app, argc, argv);

  auto const paths = Paths::resolve(state_dir);
  if (!paths) return fail(paths.error(), ready_fd);
  // Helper programs and agents find this installation by it.
  if (!state_dir.empty()) ::setenv("AGENT_RUNNER_STATE_DIR", paths->state_dir.c_str(), 1);
  auto const config = daemon::Config::load(paths->config_file);
  if (config_verb->parsed()) {
    auto const right = config ? daemon::check_providers(*config) : Result<void>();
    bool const refused = check->parsed() && !right;
    return show_config(refused ? Result<daemon::Config>(right.error()) : config, *paths, check->parsed(), as_json);
  }
  if (!config) return fail(config.error(), ready_fd);
  if (doctor->parsed()) {
    std::cout << daemon::diagnose(*paths, *config).dump() << "\n";
    return 0;
  }
  if (auto given = check_kernel(); !given) return fail(given.error(), ready_fd);
  raise_descriptor_limit();
  make_room_for_descriptors();
  if (auto logging = start_logging(paths->log_file(), config->log_level, foreground); !logging)
    return fail(logging.error(), ready_fd);
  auto const on_ready = [&] {
    if (ready_fd < 0) return;
    (void)!::write(ready_fd, "READY\n", 6);
    ::close(ready_fd);
    ready_fd = -1;
  };
  try {
    auto const last_words = [&](Error const& why) { (void)fail(why, ready_fd); };
    auto const result = relay_verb->parsed() ? daemon::run_relay(*paths, *config, served, on_ready, last_words)
                                             : daemon::run_daemon(*paths, *config, on_ready, last_words);
    if (result) return 0;
    return fail(result.error(), ready_fd);
  } catch (std::exception const& e) {
    spdlog::critical("bug: {}", e.what());
    return fail(internal("bug", std::string("stopped by an internal error: ") + e.what()), ready_fd);
  }
}
