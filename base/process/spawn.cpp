#include "base/process/spawn.hpp"

#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

namespace ar {
namespace {
std::vector<char*> pointers(std::vector<std::string> const& words) {
  std::vector<char*> list;
  for (auto const& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}
}  // namespace

Result<boost::process::v2::process> spawn(boost::asio::any_io_executor executor, SpawnSpec const& spec) {
  std::vector<std::string> words{spec.executable.string()};
  words.insert(words.end(), spec.arguments.begin(), spec.arguments.end());
  auto argv = pointers(words);
  auto envp = pointers(spec.environment);

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  int const fds[3] = {spec.in, spec.out, spec.err};
  for (int i = 0; i < 3; ++i) {
    if (fds[i] < 0)
      posix_spawn_file_actions_addopen(&actions, i, "/dev/null", i ? O_WRONLY : O_RDONLY, 0);
    else
      posix_spawn_file_actions_adddup2(&actions, fds[i], i);
  }
  if (!spec.directory.empty()) posix_spawn_file_actions_addchdir_np(&actions, spec.directory.c_str());
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, short(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID));
  pid_t pid = -1;
  int const rc = posix_spawn(&pid, spec.executable.c_str(), &actions, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (rc != 0) return from_errno("cannot start " + spec.executable.string(), rc);
  return boost::process::v2::process(std::move(executor), pid);
}

}  // namespace ar
