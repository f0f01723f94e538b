#include "base/process/process_activity.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <set>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace ar {
namespace {

constexpr std::uint64_t kAnimation = 4;  ///< of a core one part in so many is no sign of work
/// Seconds in which a program starts what it is made of, the oldest of its processes first.
constexpr std::uint64_t kOwnStart = 15;

std::uint64_t ticks_per_second() { return static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)); }

std::uint64_t ticks_now() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  auto const per_second = ticks_per_second();
  return static_cast<std::uint64_t>(now.tv_sec) * per_second +
         static_cast<std::uint64_t>(now.tv_nsec) * per_second / 1'000'000'000;
}

std::string proc(pid_t pid, char const* file) { return "/proc/" + std::to_string(pid) + "/" + file; }

/// Its own, and that of its children that have ended.
std::uint64_t cpu_of(pid_t pid) {
  std::ifstream in(proc(pid, "stat"));
  std::string stat;
  std::getline(in, stat);
  auto const name_end = stat.rfind(')');  // the name may hold anything
  unsigned long long user = 0, system = 0, childrens_user = 0, childrens_system = 0;
  if (name_end == std::string::npos ||
      std::sscanf(stat.c_str() + name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu",
                  &user, &system, &childrens_user, &childrens_system) != 4)
    return 0;
  return user + system + childrens_user + childrens_system;
}

std::uint64_t io_of(pid_t pid) {
  std::ifstream in(proc(pid, "io"));
  std::string name;
  std::uint64_t value = 0, sum = 0;
  while (in >> name >> value)
    if (name == "rchar:" || name == "wchar:") sum += value;
  return sum;
}

void add_sockets(pid_t pid, std::set<std::uint64_t>& inodes) {
  std::error_code ec;
  for (auto const& entry : std::filesystem::directory_iterator(proc(pid, "fd"), ec)) {
    auto const target = std::filesystem::read_symlink(entry.path(), ec).string();
    unsigned long long inode = 0;
    if (!ec && std::sscanf(target.c_str(), "socket:[%llu]", &inode) == 1) inodes.insert(inode);
    ec.clear();
  }
}

/// All TCP connections of one family, by what the kernel tells over netlink. False: it does not.
template <class Take>
bool each_connection(int fd, std::uint8_t family, Take take) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 wanted;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.wanted.sdiag_family = family;
  request.wanted.sdiag_protocol = IPPROTO_TCP;
  request.wanted.idiag_ext = 1U << (INET_DIAG_INFO - 1);
  request.wanted.idiag_states = ~0U;
  if (::send(fd, &request, sizeof request, 0) < 0) return false;
  alignas(nlmsghdr) std::array<char, 1U << 15> buffer{};
  for (;;) {
    auto const got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    auto left = static_cast<std::uint32_t>(got);
    for (auto const* one = reinterpret_cast<nlmsghdr const*>(buffer.data()); NLMSG_OK(one, left);
         one = NLMSG_NEXT(one, left)) {
      if (one->nlmsg_type == NLMSG_DONE) return true;
      if (one->nlmsg_type == NLMSG_ERROR) return false;
      auto const* const socket = static_cast<inet_diag_msg const*>(NLMSG_DATA(one));
      auto attributes = static_cast<int>(one->nlmsg_len) - static_cast<int>(NLMSG_LENGTH(sizeof *socket));
      auto const* attribute = reinterpret_cast<nlattr const*>(socket + 1);
      while (attributes >= NLA_HDRLEN && attribute->nla_len >= NLA_HDRLEN && attribute->nla_len <= attributes) {
        auto const* const data = reinterpret_cast<char const*>(attribute) + NLA_HDRLEN;
        if (attribute->nla_type == INET_DIAG_INFO) take(socket->idiag_inode, data, attribute->nla_len - NLA_HDRLEN);
        auto const step = NLA_ALIGN(attribute->nla_len);
        attributes -= step;
        attribute = reinterpret_cast<nlattr const*>(reinterpret_cast<char const*>(attribute) + step);
      }
    }
  }
}

/// False: an old kernel, or one that is not Linux's own.
bool read_connections(std::set<std::uint64_t> const& inodes, std::map<std::uint64_t, std::uint64_t>& bytes) {
  int const fd = ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) return false;
  timeval const patience{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  auto const take = [&](std::uint64_t inode, char const* data, int size) {
    constexpr auto kEnd = offsetof(tcp_info, tcpi_bytes_received) + sizeof(tcp_info::tcpi_bytes_received);
    if (size < static_cast<int>(kEnd) || !inodes.contains(inode)) return;
    std::uint64_t acked = 0, received = 0;
    std::char_traits<char>::copy(reinterpret_cast<char*>(&acked), data + offsetof(tcp_info, tcpi_bytes_acked),
                                 sizeof acked);
    std::char_traits<char>::copy(reinterpret_cast<char*>(&received), data + offsetof(tcp_info, tcpi_bytes_received),
                                 sizeof received);
    bytes[inode] = acked + received;
  };
  bool const told = each_connection(fd, AF_INET, take) && each_connection(fd, AF_INET6, take);
  ::close(fd);
  return told;
}

}  // namespace

ProcessActivity activity_of(pid_t root, ProcessMark mark) {
  ProcessActivity seen;
  seen.at = ticks_now();
  ProcessList const all(all_processes());
  std::vector<ProcessEntry> members;
  std::set<pid_t> known;
  if (auto const* const first = root > 0 ? all.find(root) : nullptr; first && first->state != 'Z') {
    known.insert(root);
    members.push_back(*first);
  }
  for (auto const& member : all.members(known, root, mark)) members.push_back(member);
  std::set<std::uint64_t> inodes;
  for (auto const& member : members) {
    seen.processes[member.pid] = {member.started, cpu_of(member.pid), io_of(member.pid)};
    add_sockets(member.pid, inodes);
  }
  seen.knows_network = read_connections(inodes, seen.bytes);
  return seen;
}

std::string_view sign_of_life(ProcessActivity const& before, ProcessActivity const& now, std::chrono::milliseconds age,
                              bool animates) {
  for (auto const& [inode, bytes] : now.bytes) {
    auto const known = before.bytes.find(inode);
    if (bytes > (known == before.bytes.end() ? 0 : known->second)) return "network";
  }
  auto const lasted = static_cast<std::uint64_t>(age.count()) * ticks_per_second() / 1000;
  std::uint64_t oldest = now.at;
  for (auto const& [pid, process] : now.processes) oldest = std::min(oldest, process.started);
  auto const began = std::max(now.at > lasted ? now.at - lasted : 0, oldest + kOwnStart * ticks_per_second());
  std::uint64_t of_old_ones = 0;
  for (auto const& [pid, process] : now.processes) {
    auto const found = before.processes.find(pid);
    bool const is_new = found == before.processes.end() || found->second.started != process.started;
    auto const& known = is_new ? ProcessActivity::Process() : found->second;
    auto const cpu = process.cpu - std::min(process.cpu, known.cpu);
    bool const counts = !animates || process.started >= began;
    if (counts && cpu > 0) return "processor time";
    if (counts && process.io_bytes > known.io_bytes) return "input or output";
    of_old_ones += cpu;
  }
  return of_old_ones * kAnimation > now.at - before.at ? "processor time" : "";
}

}  // namespace ar
