#include "daemon/notify/notice_sender.hpp"

#include "base/paths.hpp"
#include "base/process/run_program.hpp"
#include "daemon/config/launch_environment.hpp"
#include "daemon/services.hpp"

#include <cerrno>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr auto kProgramPatience = 20s;
constexpr std::size_t kMostToken = 4096;

int ntfy_priority(Notice const& notice) {
  return notice.kind == "needs_input" || notice.kind == "login" || notice.kind == "gave_up" ? 4 : 3;
}

/// A file in memory with the text, read from its start; -1: there is none.
int text_file(std::string const& text) {
  int const fd = ::memfd_create("agent-runner-notice", MFD_CLOEXEC);
  if (fd < 0) return -1;
  for (std::size_t done = 0; done < text.size();) {
    auto const n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\r')) text.pop_back();
  return text;
}

}  // namespace

json to_json(Notice const& notice) {
  json parts = json::array();
  for (auto const& one : notice.parts)
    parts.push_back({{"kind", one.kind},
                     {"agent", one.agent.empty() ? json(nullptr) : json(one.agent)},
                     {"event", one.event},
                     {"at", to_iso8601(one.at)},
                     {"title", one.title},
                     {"text", one.text}});
  return {{"title", notice.title},
          {"text", notice.text},
          {"kind", notice.kind},
          {"more", notice.more},
          {"notifications", std::move(parts)}};
}

RealNoticeSender::RealNoticeSender(Executor executor)
    : executor_(executor), http_(executor, [](std::string const&) { return true; }) {}

awaitable<std::string> RealNoticeSender::send(NotifyRule rule, Notice notice) {
  switch (rule.to) {
    case NotifyRule::To::ntfy:
    case NotifyRule::To::webhook: co_return co_await over_http(std::move(rule), std::move(notice));
    case NotifyRule::To::desktop: {
      // Anybody on this machine can read a program's arguments: what agents and tools say is not among them.
      std::vector<std::string> arguments{"--app-name=agent-runner", notice.title, "agent-runner ps"};
      co_return co_await by_program("/usr/bin/notify-send", std::move(arguments), {});
    }
    case NotifyRule::To::command: {
      std::vector<std::string> arguments(rule.command.begin() + 1, rule.command.end());
      co_return co_await by_program(rule.command.front(), std::move(arguments), to_text(to_json(notice)) + "\n");
    }
  }
  co_return std::string();
}

awaitable<std::string> RealNoticeSender::over_http(NotifyRule rule, Notice notice) {
  std::vector<http::Header> headers;
  if (!rule.token_file.empty()) {
    auto read = [file = rule.token_file] { return read_file(file, kMostToken); };
    auto const token = co_await files_.run(std::move(read));
    if (!token) co_return token.error().message;
    headers.push_back({"Authorization", "Bearer " + trimmed(*token)});
  }
  json body = to_json(notice);
  if (rule.to == NotifyRule::To::ntfy)
    body = {{"topic", rule.topic},
            {"title", notice.title},
            {"message", notice.text},
            {"priority", ntfy_priority(notice)},
            {"tags", {"robot"}}};
  Receiver receiver;
  receiver.id = "notify " + rule.name;
  receiver.owner = kOperator;
  receiver.url = rule.url;
  auto const sent = co_await http_.send(receiver, std::move(headers), to_text(body));
  http_.rest(receiver.id);
  if (!sent.error.empty()) co_return sent.error;
  if (sent.status >= 200 && sent.status < 300) co_return std::string();
  co_return "it answered " + std::to_string(sent.status);
}

awaitable<std::string> RealNoticeSender::by_program(std::string program, std::vector<std::string> arguments,
                                                    std::string input) {
  SpawnSpec spec;
  spec.executable = program;
  spec.arguments = std::move(arguments);
  for (auto const& [name, value] : own_environment()) spec.environment.push_back(name + "=" + value);
  struct Closer {
    int fd;
    ~Closer() {
      if (fd >= 0) ::close(fd);
    }
  } const in{input.empty() ? -1 : text_file(input)};
  spec.in = in.fd;
  auto const ran = co_await run_program(executor_, std::move(spec), kProgramPatience);
  if (!ran) co_return ran.error().message;
  if (ran->status == 0) co_return std::string();
  co_return program + " has failed (" + std::to_string(ran->status) + ")" + (ran->said.empty() ? "" : ": " + ran->said);
}

}  // namespace ar::daemon
