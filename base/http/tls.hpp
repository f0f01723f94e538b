// TLS by certificate files. The contexts are opaque here; OpenSSL is known to tls.cpp and stream.hpp only.
#pragma once
#include "base/error.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace boost::asio::ssl {
class context;
}

namespace ar::http {

using Tls = std::shared_ptr<boost::asio::ssl::context>;

/// For a server: PEM files, the certificate followed by its chain. The key must not be readable by others.
Result<Tls> server_tls(std::filesystem::path const& certificate, std::filesystem::path const& key);
/// For a client: trusts the authorities of `ca_file`, or the system's when it is empty.
Result<Tls> client_tls(std::filesystem::path const& ca_file);

}  // namespace ar::http
