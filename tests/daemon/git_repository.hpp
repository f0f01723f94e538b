// A repository of the real git, in a folder of its own, and the place of a worktree beside it.
#pragma once
#include "base/async.hpp"
#include "base/paths.hpp"
#include "support/temp_dir.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

namespace ar::test {

struct GitRepository {
  TempDir dir;
  net::io_context io;
  std::filesystem::path root = dir.path() / "repo", tree = dir.path() / "trees" / "alice";

  GitRepository() {
    ::setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    std::filesystem::create_directories(root);
    git("init -q -b main . && git config user.name T && git config user.email t@localhost");
  }
  void shell(std::filesystem::path const& where, std::string const& line) const {
    REQUIRE_MESSAGE(std::system(("cd '" + where.string() + "' && (" + line + ") >/dev/null 2>&1").c_str()) == 0, line);
  }
  void git(std::string const& words) const { shell(root, "git " + words); }
  void commit(std::filesystem::path const& where, std::string const& file, std::string const& text,
              std::string const& subject = "x") const {
    REQUIRE(write_file(where / file, text).has_value());
    shell(where, "git add -A && git commit -qm '" + subject + "'");
  }
  template <class T>
  T wait(awaitable<T> work) {
    std::optional<T> value;
    auto run = [&value](awaitable<T> inner) -> awaitable<void> { value.emplace(co_await std::move(inner)); };
    net::co_spawn(io, run(std::move(work)), [](std::exception_ptr) {});
    io.restart();
    io.run();
    REQUIRE(value.has_value());
    return std::move(*value);
  }
};

}  // namespace ar::test
