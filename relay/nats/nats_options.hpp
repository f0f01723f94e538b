// How one reaches a NATS server, as the configuration says it. Secrets stand in files, never in a URL, an argument or
// a log.
#pragma once
#include "base/clock.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace ar::relay {

struct NatsOptions {
  std::string url = "nats://127.0.0.1:4222";  ///< servers of one cluster: separated by commas; tls:// turns on TLS

  // One of the four ways to say who one is, or none. The files are read anew at every connect.
  std::string user{};                        ///< with password_file
  std::filesystem::path password_file{};     ///< its first line
  std::filesystem::path token_file{};        ///< its first line
  std::string nkey{};                        ///< the public key ("U..."), with nkey_seed_file
  std::filesystem::path nkey_seed_file{};    ///< its private half ("SU...")
  std::filesystem::path credentials_file{};  ///< a .creds file: JWT and seed

  bool tls = false;
  std::filesystem::path tls_ca{};           ///< whom to trust; empty: the system's authorities
  std::filesystem::path tls_certificate{};  ///< our own, with tls_key, where the server asks for one
  std::filesystem::path tls_key{};

  /// Begins the name of everything the bus has on the server: several buses can share one server.
  std::string prefix = "agent-runner";
  int replicas = 1;             ///< of every stream; 3 in a cluster
  std::int64_t max_bytes = -1;  ///< of every stream; -1: the server's limit. A full one refuses, it never drops

  milliseconds connect_timeout = std::chrono::seconds(3);
  milliseconds request_timeout = std::chrono::seconds(5);  ///< an answer that is later counts as "the bus is away"
  milliseconds ping_interval = std::chrono::seconds(15);   ///< a connection that misses two answers is dead

  /// Whose clock the bus goes by. `server`: one clock for all, so that a machine whose own is an hour off takes no
  /// lease away. `machine`: every host keeps the same time by itself; tests with a frozen clock need it.
  enum class Time { server, machine };
  Time time = Time::server;
};

}  // namespace ar::relay
