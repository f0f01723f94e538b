// An agent of a whole installation that asks people, and the four places from which it can be answered.
#pragma once
#include "base/json.hpp"
#include "relay/embedded/embedded_bus.hpp"
#include "support/run.hpp"
#include "system/installation.hpp"

namespace ar::test {

class Asking {
 public:
  Asking(Installation& home, std::string agent) : home_(home), agent_(std::move(agent)) {}

  /// Sends the message that makes the agent ask, and waits for the pending approval.
  json asks(std::string const& text) {
    message = home_.send(agent_, text);
    return pending();
  }
  json pending() {
    json found;
    auto const there = Installation::eventually([&] {
      auto const listed = Installation::lines(home_.good({"approvals", agent_, "--json"}).out);
      if (listed.empty()) return false;
      found = json::parse(listed.front());
      return true;
    });
    REQUIRE_MESSAGE(there, home_.good({"screen", agent_}).out, home_.good({"events", agent_}).out);
    return found;
  }
  void wait_done() {
    auto const done = Installation::eventually([&] {
      auto const state = home_.delivery_state(message);
      return state == "done" || state == "failed";
    });
    REQUIRE_MESSAGE(done, home_.message(message).dump(2), home_.good({"screen", agent_}).out,
                    home_.good({"events", agent_}).out);
  }
  json approval(json const& id) { return http("GET", "/v1/approvals/" + id.dump()); }
  /// Waits until it is there and no longer pending.
  json ended(json const& id) {
    json shown;
    auto const over = Installation::eventually([&] {
      shown = approval(id);
      return shown["status"].is_string() && shown["status"] != "pending";
    });
    REQUIRE_MESSAGE(over, shown.dump(2), home_.good({"events", agent_}).out);
    return shown;
  }

  json http(std::string const& method, std::string const& path, json const& body = {}) {
    auto const socket = (home_.state() / "run" / "control.sock").string();
    std::vector<std::string> words{"-s", "--unix-socket", socket, "-X", method, "http://localhost" + path};
    if (!body.is_null()) words.insert(words.end(), {"-d", body.dump()});
    return home_.run_program("/usr/bin/curl", words, "").parsed();
  }
  json decide_over_http(json const& id, json const& decision) {
    return http("POST", "/v1/approvals/" + id.dump() + "/decision", decision);
  }
  /// A command on the bus, from another program; how it ended.
  Command decide_over_bus(json const& id, std::string const& decision) {
    net::io_context io(1);
    Command command;
    run(io, [&]() -> awaitable<void> {
      auto bus = relay::EmbeddedBus::open(io.get_executor(), home_.state() / "relay" / "relay.db", {});
      REQUIRE(bus.has_value());
      json params = {{"approvalId", id}, {"decision", decision}};
      auto sent = co_await (*bus)->send_command("agent.permissionDecision", agent_, std::move(params), std::nullopt);
      REQUIRE(sent.has_value());
      http("POST", "/v1/agents/" + agent_ + "/reconnect", json::object());  // it looks at the bus now
      auto const is_over = [&] {
        return command.status == CommandStatus::succeeded || command.status == CommandStatus::failed;
      };
      for (int i = 0; i < 1000 && !is_over(); ++i) {
        co_await sleep_for(milliseconds(20));  // the bus of another process tells nobody here
        auto const read = co_await (*bus)->command(sent->id);
        if (read) command = *read;
      }
      co_await (*bus)->stop();
    });
    return command;
  }
  /// A person at the terminal, who has read the dialog: it ignores keys in its first moments (Claude Code since 2.1.332
  /// for 150 ms and in some cases for a second), and nothing tells when they are over.
  void answer(std::string const& key) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1'200));
    press(key);
  }
  /// A key that acts at any time.
  void press(std::string const& key) {
    auto const socket = (home_.state() / "run" / "tmux.sock").string();
    home_.run_program("/usr/bin/tmux", {"-S", socket, "send-keys", "-t", "=ar-" + agent_ + ":", key}, "");
  }
  std::string screen() { return home_.run({"screen", agent_}).out; }
  /// Once nothing is asked, so that the next dialog is the next request's.
  bool no_longer_shows(std::string const& text) {
    return Installation::eventually([&] { return screen().find(text) == std::string::npos; });
  }
  bool shows(std::string const& text) {
    return Installation::eventually([&] { return screen().find(text) != std::string::npos; });
  }
  /// Two answers at the same moment: "200 409" in whatever order, sorted.
  std::string race(json const& id) {
    auto const socket = (home_.state() / "run" / "control.sock").string();
    auto const call = [&](char const* decision) {
      return "curl -s -o /dev/null -w '%{http_code}\\n' --unix-socket " + socket + " -d '{\"decision\":\"" + decision +
             "\"}' http://localhost/v1/approvals/" + id.dump() + "/decision & ";
    };
    auto const script = "{ " + call("approve") + call("deny") + " wait; } | sort | tr '\\n' ' '";
    return home_.run_program("/bin/sh", {"-c", script}, "").out;
  }

  std::int64_t message = 0;

 private:
  Installation& home_;
  std::string const agent_;
};

}  // namespace ar::test
