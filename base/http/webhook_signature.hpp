// Signatures by the convention of Standard Webhooks (www.standardwebhooks.com): by one a receiver knows who has sent a
// document, and that it is neither another one nor an old one.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace ar::http {

/// A fresh one: "whsec_" and 32 random bytes in base64.
std::string new_webhook_secret();
/// Empty when the text is "whsec_" and 24 to 64 bytes in base64, else what is wrong with it.
std::string webhook_secret_problem(std::string_view secret);
/// The bytes that such a secret stands for.
std::string webhook_key(std::string_view secret);

/// The value of the header webhook-signature. `seconds`: since 1970, the value of webhook-timestamp.
std::string webhook_signature(std::string_view key, std::string_view id, std::int64_t seconds, std::string_view body);

}  // namespace ar::http
