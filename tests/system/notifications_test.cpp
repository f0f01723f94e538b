// Who is notified, with a real daemon: by ntfy, a webhook and a program, once each over its death.
#include "system/installation.hpp"
#include "system/loopback_receiver.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

using ar::json;
using ar::test::Installation;
using ar::test::LoopbackReceiver;

TEST_CASE("WhatNeedsPeopleReachesThemOnceOverTheDaemonsDeath") {
  Installation home;
  LoopbackReceiver server;
  auto const told = home.work() / "told.jsonl", token = home.work() / "token";
  std::ofstream(token) << "tk_secret\n";
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml")
      << "[[notify]]\nname = \"phone\"\nto = \"ntfy\"\nurl = \"" << server.url("/")
      << "\"\ntopic = \"mine\"\ntoken_file = \"" << token.string()
      << "\"\n[[notify]]\nname = \"hook\"\nto = \"webhook\"\nurl = \"" << server.url("/hook")
      << "\"\n[[notify]]\nname = \"own\"\nto = \"command\"\ncommand = [\"/bin/sh\", \"-c\", \"cat >>" << told.string()
      << "\"]\n[[notify]]\nname = \"broken\"\nto = \"command\"\ncommand = [\"/bin/false\"]\n";
  home.good({"up"});
  json const options = {{"command", {"/bin/sh", "-c", "exit 3"}}};
  home.run({"spawn", "lost", "--no-wait", "--provider", "command", "--cwd", home.work().string(), "--options",
            options.dump()});
  home.wait_for_state("lost", "failed");
  home.kill_daemon();
  CHECK(server.taken().empty());
  home.good({"up"});
  auto const by = [&](std::string const& path) {
    auto all = server.taken();
    std::erase_if(all, [&](auto const& one) { return one.path != path; });
    return all;
  };
  auto const lines = [&] { return Installation::lines(ar::test::file_text(told)).size(); };
  CHECK(Installation::eventually([&] { return by("/").size() == 1 && by("/hook").size() == 1 && lines() == 1; }));
  auto const ntfy = by("/")[0];
  CHECK(ntfy.headers.at("authorization") == "Bearer tk_secret");
  auto const body = json::parse(ntfy.body);
  CHECK(body["topic"] == "mine");
  CHECK(body["title"] == "lost has failed");
  CHECK(body["message"].get<std::string>().find("agent-runner restart lost") != std::string::npos);
  auto const hook = json::parse(by("/hook")[0].body);
  CHECK(hook["kind"] == "gave_up");
  CHECK(hook["notifications"][0]["agent"] == "lost");
  CHECK(json::parse(Installation::lines(ar::test::file_text(told)).front())["title"] == "lost has failed");
  CHECK(Installation::eventually(
      [&] { return home.good({"notify"}).out.find("/bin/false has failed") != std::string::npos; }));
  CHECK(home.good({"notify", "list", "--json"}).out.find("tk_secret") == std::string::npos);
  // Told is told.
  home.kill_daemon();
  home.good({"up"});
  CHECK(home.good({"notify", "test", "phone"}).out == "phone: sent\n");
  CHECK(by("/").size() == 2);
  CHECK(by("/hook").size() == 1);
  CHECK(lines() == 1);
  auto const all = home.run({"notify", "test"});
  CHECK(all.status == 1);
  CHECK(all.out.find("broken: not sent: /bin/false has failed (1)") != std::string::npos);
  CHECK(home.run({"notify", "test", "nobody"}).status == 3);
}
