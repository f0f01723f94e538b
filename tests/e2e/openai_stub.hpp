// The stub of OpenAI's API (stub_openai_api.mjs) on loopback; it ends with this object.
#pragma once
#include "base/json.hpp"

#include <filesystem>
#include <string>
#include <sys/types.h>

namespace ar::test {

class OpenAiStub {
 public:
  OpenAiStub();
  ~OpenAiStub();
  OpenAiStub(OpenAiStub const&) = delete;
  OpenAiStub& operator=(OpenAiStub const&) = delete;

  int port() const { return port_; }
  json get(std::string const& path) const;
  /// The configuration of a Codex that asks this stub and nobody else.
  void configure(std::filesystem::path const& codex_home) const;

 private:
  pid_t pid_ = -1;
  int input_ = -1, port_ = 0;
};

}  // namespace ar::test
