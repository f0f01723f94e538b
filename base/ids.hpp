// Identifiers and digests.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace ar {

/// A random (version 4) UUID in lower case.
std::string new_uuid();
/// `bytes` random bytes from the system (at most 256), in lower-case hex: tokens (32), correlation ids (5).
std::string random_hex(std::size_t bytes);
/// SHA-256 in lower-case hex.
std::string sha256_hex(std::string_view data);
/// Compares without telling by its time where two secrets differ.
bool equal_secrets(std::string_view a, std::string_view b);
/// True for 1 to 64 characters of A-Z a-z 0-9 . _ - that start with a letter or digit: safe in paths, tmux and URLs.
bool is_safe_name(std::string_view name);
/// A file's name made of somebody else's: it stays inside its folder, is visible, and needs no quoting. Its ending
/// stays.
std::string safe_file_name(std::string_view name);

}  // namespace ar
