// The stub of OpenAI's API, and the configuration of a Codex that asks this stub and nobody else.
#pragma once
#include "e2e/stub_api.hpp"

#include <filesystem>

namespace ar::test {

struct OpenAiStub : StubApi {
  explicit OpenAiStub(std::vector<std::string> prefix = {}) : StubApi("stub_openai_api.mjs", std::move(prefix)) {}
  /// Writes `codex_home`/config.toml.
  void configure(std::filesystem::path const& codex_home) const;
};

}  // namespace ar::test
