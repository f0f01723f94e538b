// agent-runner-hook EVENT: what the providers' hooks run. Hands its stdin to the daemon and prints the
// daemon's answer.
//
// A provider waits for this program, and its exit status means something to it (2 would block the turn), so
// it exits 0 and says nothing unless the daemon answered: without a daemon, without this program's
// variables (a session that is not one of ours), or in time. Static and without C++ library, since starting
// is nearly all of its cost.
//
// Nobody waits for FileChanged. Claude Code runs it when the daemon has changed the file that it watches, and where it
// exits 2 gives the model what stands on stderr: the notices that the daemon has answered with.
//
// A PermissionRequest waits for a person. When the daemon dies over it, it comes back to the next one under the same
// id and goes on waiting; the provider shows its dialog all the while.
//
// A hook about a tool's call may wait for tool hooks (docs/tool-hooks.md). Which tools have some stands in the file
// "tool-hooks" beside the socket, in lines like "pre closed Bash"; without it nothing waits longer than ever. Where one
// is "closed" the call must not go on without an answer: the client waits for the next daemon, and refuses it at last.
//
//   AGENT_RUNNER_SOCKET, AGENT_RELAY_TOKEN       where to and as whom; without either it does nothing
//   AGENT_RELAY_PROVIDER_SESSION_ID              tells the daemon a call from an earlier provider process
//   AGENT_RUNNER_HOOK_TIMEOUT_MS                 how long a PermissionRequest waits: default and at most 24 h; and a
//                                                hook for tool hooks: default and at most 150 s
//   AGENT_RUNNER_PERMISSION_FAIL_CLOSED=1        a PermissionRequest that gets no answer is denied
//   AGENT_RUNNER_HOOK_DEBUG=1                    says on stderr why nothing was printed
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

constexpr size_t most_bytes = 32U << 20;
constexpr long connect_ms = 80;
constexpr long answer_ms = 5000;
constexpr long longest_answer_ms = 24L * 3600 * 1000;
constexpr long tool_answer_ms = 150'000;  // more than the daemon's for all tool hooks, less than the provider's for us
constexpr long look_again_ms = 1000;      // for a daemon whose start was not seen
constexpr long busy_daemon_ms = 100;      // between two tries at one that is not ready yet
constexpr long absent_input_ms = 50;      // to take the provider's input, or its write fails, although nobody hears it

char const* variable(char const* name) {
  char const* const value = getenv(name);
  return value ? value : "";
}

long now_ms() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

void explain(char const* why) {
  if (strcmp(variable("AGENT_RUNNER_HOOK_DEBUG"), "1") == 0) dprintf(2, "agent-runner-hook: %s\n", why);
}

/// A growing array of bytes.
struct Bytes {
  char* data = nullptr;
  size_t size = 0, capacity = 0;

  Bytes() = default;
  Bytes(Bytes const&) = delete;
  Bytes& operator=(Bytes const&) = delete;
  ~Bytes() { free(data); }

  bool reserve(size_t room) {
    if (capacity - size >= room) return true;
    size_t const wanted = capacity * 2 > size + room ? capacity * 2 : size + room;
    char* const larger = static_cast<char*>(realloc(data, wanted));
    if (!larger) return false;
    data = larger;
    capacity = wanted;
    return true;
  }
};

enum class Got { end, failed, late, too_much };

/// Reads to the end, or until `enough` says so; `late` at the deadline.
template <class Enough>
Got read_all(int fd, Bytes& bytes, long deadline, Enough enough) {
  for (;;) {
    if (enough()) return Got::end;
    long const left = deadline - now_ms();
    pollfd ready{fd, POLLIN, 0};
    int const polled = poll(&ready, 1, left > 0 ? static_cast<int>(left) : 0);
    if (polled < 0 && errno == EINTR) continue;
    if (polled < 0) return Got::failed;
    if (polled == 0) return Got::late;
    if (!bytes.reserve(64U << 10)) return Got::failed;
    ssize_t const n = read(fd, bytes.data + bytes.size, bytes.capacity - bytes.size);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return Got::failed;
    if (n == 0) return Got::end;
    bytes.size += static_cast<size_t>(n);
    if (bytes.size > most_bytes) return Got::too_much;
  }
}

bool send_all(int fd, char const* data, size_t size, int flags) {
  while (size > 0) {
    ssize_t const n = send(fd, data, size, MSG_NOSIGNAL | flags);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;  // SO_SNDTIMEO's end too
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

void print(int fd, char const* data, size_t size) {
  while (size > 0) {
    ssize_t const n = write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    data += n;
    size -= static_cast<size_t>(n);
  }
}

void limit_sending(int fd, long ms) {
  timeval const limit{ms / 1000, ms % 1000 * 1000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

int connect_to(char const* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  int const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  limit_sending(fd, connect_ms);  // connect waits as long when the daemon's backlog is full
  if (connect(fd, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0) {
    // The token, and what the provider said, are for our own user's daemon (or root's) alone.
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == geteuid() || peer.uid == 0))
      return fd;
    if (strcmp(variable("AGENT_RUNNER_HOOK_DEBUG"), "1") == 0)
      dprintf(2, "agent-runner-hook: %s is served by another user (uid %u); nothing is said to it\n", path, peer.uid);
  }
  close(fd);
  return -1;
}

bool is_event(char const* name) {
  size_t const length = strlen(name);
  if (length == 0 || length > 64) return false;
  for (size_t i = 0; i < length; ++i)
    if (!((name[i] >= 'A' && name[i] <= 'Z') || (name[i] >= 'a' && name[i] <= 'z'))) return false;
  return true;
}

/// Fit for a header's value: printable and without blanks.
bool is_word(char const* text) {
  size_t const length = strlen(text);
  if (length > 1024) return false;
  for (size_t i = 0; i < length; ++i)
    if (text[i] <= ' ' || text[i] > '~') return false;
  return true;
}

/// The value of a header in [head, end), or null. `name` in lower case, with its colon.
char const* find_header(char const* head, char const* end, char const* name) {
  size_t const length = strlen(name);
  for (char const* line = head; line < end;) {
    if (static_cast<size_t>(end - line) > length && strncasecmp(line, name, length) == 0) {
      line += length;
      while (line < end && *line == ' ') ++line;
      return line;
    }
    void const* const next = memchr(line, '\n', static_cast<size_t>(end - line));
    if (!next) return nullptr;
    line = static_cast<char const*>(next) + 1;
  }
  return nullptr;
}

/// The answer as far as it has come.
struct Answer {
  Bytes bytes;
  size_t body = 0;  // where it starts; 0: the header is not whole yet
  bool has_length = false, chunked = false;
  size_t length = 0;

  bool whole() {
    if (body == 0 && bytes.size >= 4) {
      void const* const end = memmem(bytes.data, bytes.size, "\r\n\r\n", 4);
      if (!end) return false;
      body = static_cast<size_t>(static_cast<char const*>(end) - bytes.data) + 4;
      char const* const head_end = bytes.data + body;
      chunked = find_header(bytes.data, head_end, "transfer-encoding:") != nullptr;
      if (char const* const value = find_header(bytes.data, head_end, "content-length:")) {
        has_length = true;
        length = strtoul(value, nullptr, 10);
      } else if (bytes.size > 12 && memcmp(bytes.data + 9, "204", 3) == 0) {
        has_length = true;
      }
    }
    return body != 0 && has_length && bytes.size - body >= length;
  }
  bool good() const {
    return body != 0 && bytes.size > 12 && memcmp(bytes.data, "HTTP/1.", 7) == 0 && bytes.data[9] == '2' && !chunked &&
           (!has_length || bytes.size - body >= length);
  }
};

bool never() { return false; }

struct Request {
  char const* event;
  char const* token;
  char const* session;
  char call[33];  // names this call over its repetitions; empty: it is not repeated
  Bytes input;
};

/// 32 hexadecimal digits that nobody else has; empty when the kernel has none to give.
void make_call(char (&call)[33]) {
  unsigned char bytes[16];
  call[0] = 0;
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return;
  for (size_t i = 0; i < sizeof bytes; ++i) snprintf(call + 2 * i, 3, "%02x", bytes[i]);
}

struct Text {
  char const* data = nullptr;
  size_t size = 0;
  bool plain = true;  // nothing in it is escaped
};

/// The text of a JSON object's own member, as it is written.
Text member_text(Text input, Text name) {
  int depth = 0;
  bool named = false;  // the last text was the name that is looked for
  for (size_t i = 0; i < input.size; ++i) {
    char const c = input.data[i];
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (c == '{' || c == '[' || c == ',') named = false;
    if (c != '"') continue;
    Text text{input.data + ++i};
    for (; i < input.size && input.data[i] != '"'; ++i)
      if (input.data[i] == '\\') {
        text.plain = false;
        ++i;
      }
    text.size = (i < input.size ? i : input.size) - static_cast<size_t>(text.data - input.data);
    if (named) return text;
    named = depth == 1 && text.size == name.size && memcmp(text.data, name.data, name.size) == 0;
  }
  return {};
}

/// 2: the provider is to take what was printed on stderr.
int exit_status = 0;

/// Prints a text of the daemon's JSON on stderr, as what it means.
void print_notices(Text text) {
  Bytes plain;
  if (!text.data || text.size == 0 || !plain.reserve(text.size)) return;
  for (size_t i = 0; i < text.size; ++i) {
    char c = text.data[i];
    if (c == '\\' && i + 1 < text.size) {
      c = text.data[++i];
      if (c == 'n') c = '\n';
      if (c == 't') c = '\t';
      if (c == 'u' || c == 'r' || c == 'b' || c == 'f') return;  // other control characters: there are none in a notice
    }
    plain.data[plain.size++] = c;
  }
  print(2, plain.data, plain.size);
  exit_status = 2;
}

enum class Outcome {
  answered,  // and the answer is printed
  late,
  lost,  // the daemon went away, is about to go, or is not ready yet
  refused,
};

/// One question and its answer over a connection.
Outcome exchange(int fd, Request const& request, long deadline, char const*& why) {
  limit_sending(fd, answer_ms);
  char head[4096];
  int const head_size = snprintf(head, sizeof head,
                                 "POST /v1/hooks/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                 "Authorization: Bearer %s\r\nX-Provider-Session: %s\r\n%s%s%sContent-Length: %zu\r\n"
                                 "Connection: close\r\n\r\n",
                                 request.event, request.token, request.session, request.call[0] ? "X-Hook-Call: " : "",
                                 request.call, request.call[0] ? "\r\n" : "", request.input.size);
  if (!send_all(fd, head, static_cast<size_t>(head_size), MSG_MORE) ||
      !send_all(fd, request.input.data, request.input.size, 0))
    explain("the daemon took only a part of the input");  // it may have said why: read on

  Answer answer;
  Got const got = read_all(fd, answer.bytes, deadline, [&] { return answer.whole(); });
  if (got == Got::late) {
    why = "the daemon did not answer in time";
    return Outcome::late;
  }
  if (answer.good()) {
    size_t const available = answer.bytes.size - answer.body;
    char const* const body = answer.bytes.data + answer.body;
    size_t const size = answer.has_length && answer.length < available ? answer.length : available;
    if (strcmp(request.event, "FileChanged") == 0)
      print_notices(member_text({body, size}, {"notices", 7}));
    else
      print(1, body, size);
    return Outcome::answered;
  }
  why = "no good answer";
  if (answer.body == 0 || answer.bytes.size < 13) return Outcome::lost;
  char const* const status = answer.bytes.data + 9;
  explain(status[0] == '2' ? "the answer is cut off" : "the daemon refused:");
  if (strcmp(variable("AGENT_RUNNER_HOOK_DEBUG"), "1") == 0)
    dprintf(2, "%.*s\n", static_cast<int>(answer.bytes.size - answer.body), answer.bytes.data + answer.body);
  bool const comes_back = status[0] == '2' || memcmp(status, "503", 3) == 0;
  return comes_back ? Outcome::lost : Outcome::refused;
}

/// A connection to the next daemon; -1 at the deadline, or when the provider that asks has ended.
int connect_again(char const* path, long deadline, pid_t provider) {
  char folder[sizeof(sockaddr_un::sun_path)];
  snprintf(folder, sizeof folder, "%s", path);
  if (char* const slash = strrchr(folder, '/')) *slash = 0;
  int const starts = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  inotify_add_watch(starts, folder, IN_CREATE | IN_MOVED_TO);
  long pause = busy_daemon_ms;  // the one that has just gone may not be quite gone
  int fd = -1;
  while (fd < 0 && now_ms() < deadline && getppid() == provider) {
    long const left = deadline - now_ms();
    pollfd started{starts, POLLIN, 0};
    poll(&started, starts < 0 ? 0 : 1, static_cast<int>(pause < left ? pause : left));
    alignas(inotify_event) char events[4096];
    bool const seen = starts >= 0 && read(starts, events, sizeof events) > 0;
    fd = connect_to(path);
    pause = seen ? busy_daemon_ms : look_again_ms;  // it is named a moment before it listens
  }
  if (starts >= 0) close(starts);
  return fd;
}

/// How long one event's answer may take, and what is done without it.
struct Wait {
  long ms = answer_ms;
  bool comes_back = false;  // to the next daemon, when one is lost over it
  bool refuses = false;     // what was asked about must not happen without an answer
};

Wait permission_wait() {
  return {longest_answer_ms, true, strcmp(variable("AGENT_RUNNER_PERMISSION_FAIL_CLOSED"), "1") == 0};
}

/// "pre" or "post"; null: it is about no tool's call.
char const* tool_phase(char const* event) {
  if (strcmp(event, "PreToolUse") == 0) return "pre";
  return strcmp(event, "PostToolUse") == 0 || strcmp(event, "PostToolUseFailure") == 0 ? "post" : nullptr;
}

/// A pattern is a name, or how names begin and then '*'. Of a call whose tool is not known each may be meant.
bool is_meant(Text pattern, Text tool) {
  if (!tool.data) return true;
  bool const begins = pattern.size > 0 && pattern.data[pattern.size - 1] == '*';
  size_t const size = begins ? pattern.size - 1 : pattern.size;
  return (begins ? tool.size >= size : tool.size == size) && memcmp(pattern.data, tool.data, size) == 0;
}

/// What the file of tool hooks says of this call. One that cannot be read may say anything.
Wait tool_wait(char const* socket_path, char const* phase, Bytes const& input) {
  char file[sizeof(sockaddr_un::sun_path) + 16];
  snprintf(file, sizeof file, "%s", socket_path);
  char* const slash = strrchr(file, '/');
  if (!slash) return {};
  snprintf(slash, sizeof file - static_cast<size_t>(slash - file), "/tool-hooks");
  int const fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return {};
  Bytes lines;
  Got const got = fd < 0 ? Got::failed : read_all(fd, lines, now_ms() + answer_ms, never);
  if (fd >= 0) close(fd);
  if (got != Got::end) return {tool_answer_ms, true, true};
  Text tool = member_text({input.data, input.size}, {"tool_name", 9});
  if (!tool.plain) tool = {};  // it may be any
  Wait wait;
  size_t const phase_size = strlen(phase);
  for (size_t at = 0; at < lines.size;) {
    char const* const line = lines.data + at;
    void const* const end = memchr(line, '\n', lines.size - at);
    size_t const size = end ? static_cast<size_t>(static_cast<char const*>(end) - line) : lines.size - at;
    at += size + 1;
    if (size <= phase_size || memcmp(line, phase, phase_size) != 0 || line[phase_size] != ' ') continue;
    char const* const mode = line + phase_size + 1;
    size_t const left = size - phase_size - 1;
    bool const closed = left > 7 && memcmp(mode, "closed ", 7) == 0;
    if (!closed && (left <= 5 || memcmp(mode, "open ", 5) != 0)) continue;
    size_t const skipped = closed ? 7 : 5;
    if (!is_meant({mode + skipped, left - skipped}, tool)) continue;
    wait.ms = tool_answer_ms;
    if (closed) wait.comes_back = wait.refuses = true;
  }
  return wait;
}

/// Null when the daemon has answered and the answer is printed, else why not. `wait`: what is known of it then.
char const* run(char const* event, Wait& wait) {
  bool const permission = strcmp(event, "PermissionRequest") == 0;
  char const* const phase = tool_phase(event);
  if (permission) wait = permission_wait();
  pid_t const provider = getppid();
  char const* const socket_path = variable("AGENT_RUNNER_SOCKET");
  Request request{event, variable("AGENT_RELAY_TOKEN"), variable("AGENT_RELAY_PROVIDER_SESSION_ID"), "", {}};
  if (!*socket_path || !*request.token)
    return "AGENT_RUNNER_SOCKET or AGENT_RELAY_TOKEN is not set: not an agent of ours";
  if (!is_word(request.token) || !is_word(request.session))
    return "the token or the session's id is not fit for a header";

  char const* why = "no daemon answers at AGENT_RUNNER_SOCKET";
  int fd = connect_to(socket_path);
  if (fd < 0 && !phase) return why;
  Bytes& input = request.input;
  if (isatty(0) != 1) {
    Got const got = read_all(0, input, now_ms() + answer_ms, never);
    if (phase) wait = tool_wait(socket_path, phase, input);  // it holds for what cannot be read, too
    if (got == Got::late) return "the input on stdin did not end";
    if (got == Got::too_much) return "the input is over 32 MiB";
    if (got == Got::failed && errno != EBADF) return "cannot read the input";
  }
  if (input.size == 0) {
    if (!input.reserve(2)) return "out of memory";
    memcpy(input.data, "{}", 2);
    input.size = 2;
  }

  long const asked = strtol(variable("AGENT_RUNNER_HOOK_TIMEOUT_MS"), nullptr, 10);
  if (asked > 0 && asked < wait.ms && wait.ms != answer_ms) wait.ms = asked;
  long const deadline = now_ms() + wait.ms;
  if (wait.comes_back) make_call(request.call);
  wait.comes_back = request.call[0] != 0;
  for (;;) {
    if (fd < 0 && wait.comes_back) {
      explain("there is no daemon; waiting for the next one");
      fd = connect_again(socket_path, deadline, provider);
    }
    if (fd < 0) return why;
    Outcome const outcome = exchange(fd, request, deadline, why);
    close(fd);
    fd = -1;
    if (outcome == Outcome::answered) return nullptr;
    if (outcome != Outcome::lost || !wait.comes_back) return why;
  }
}

/// What the provider is told where an answer was needed and there is none.
void refuse(char const* event) {
  constexpr char permission[] =
      R"({"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"deny","message":"agent-runner is not reachable and is set to deny permissions then."}}})";
  constexpr char call[] =
      R"({"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"A tool hook must be asked before this call, and agent-runner is not reachable. Try again later."}})";
  constexpr char result[] =
      R"({"decision":"block","reason":"A tool hook must be asked about this result, and agent-runner is not reachable. Do not rely on it."})";
  if (strcmp(event, "PermissionRequest") == 0)
    print(1, permission, sizeof permission - 1);
  else if (strcmp(event, "PreToolUse") == 0)
    print(1, call, sizeof call - 1);
  else
    print(1, result, sizeof result - 1);
}

/// Takes what is left of the input.
void take_input() {
  Bytes rest;
  if (isatty(0) != 1) read_all(0, rest, now_ms() + absent_input_ms, never);
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  // A socket that landed on a closed 0, 1 or 2 would be read as the input or written as the answer.
  struct stat info{};
  for (int standard = 0; standard <= 2; ++standard)
    if (fstat(standard, &info) != 0) open("/dev/null", O_RDWR);

  if (argc != 2 || !is_event(argv[1])) {
    explain("usage: agent-runner-hook EVENT, with the hook's JSON on stdin; EVENT is letters, like SessionStart");
    return 0;
  }
  Wait wait;
  if (char const* const why = run(argv[1], wait)) {
    explain(why);
    take_input();
    if (wait.refuses) refuse(argv[1]);
  }
  return exit_status;
}
