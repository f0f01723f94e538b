// Base64 (RFC 4648, with padding), by OpenSSL.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace ar {

std::string base64_encode(std::string_view bytes);
/// Nothing: it is no base64. White space is none.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace ar
