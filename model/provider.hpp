// The providers that are built in, by their rows. A further one is a folder below adapters/, a row here and a line in
// adapters/registry.cpp.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar {

struct ProviderRow {
  std::string_view name;
  /// Variables by which a program knows that it runs inside a session of this provider; `*` ends a prefix.
  std::string_view session_marks;
  /// What is installed beside the daemon for it.
  std::string_view program{};
};
inline constexpr std::array<ProviderRow, 3> kProviders{{
    {"claude", "CLAUDECODE CLAUDE_CODE_*"},
    {"codex", "CODEX_*", "agent-runner-codex"},
    {"command", ""},
}};

std::vector<std::string> provider_names();
/// "a, b or c".
std::string provider_names_in_words();

}  // namespace ar
