// What the app server wrote before it ended, made fit for an agent's reason: it names the cause that an exit status
// does not.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ar::adapters::codex {

/// One line of UTF-8 without control characters, at most 300 bytes: the error that `log` ends with, else its last line.
/// `secrets`, and what looks like a key of a model provider, are taken out. Empty: it says nothing.
std::string last_words(std::string_view log, std::vector<std::string> const& secrets);

}  // namespace ar::adapters::codex
