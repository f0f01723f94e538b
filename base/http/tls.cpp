#include "base/http/tls.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>

#include <sys/stat.h>

namespace ar::http {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

Error bad_file(std::string field, std::filesystem::path const& file, error_code const& ec) {
  return {ErrorKind::invalid, "bad_tls_file", "cannot use " + file.string() + " for TLS: " + ec.message(),
          std::move(field)};
}

Tls make_context(ssl::context::method method) {
  auto context = std::make_shared<ssl::context>(method);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                       ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 | ssl::context::no_compression);
  return context;
}

}  // namespace

Result<Tls> server_tls(std::filesystem::path const& certificate, std::filesystem::path const& key) {
  struct ::stat info {};
  if (::stat(key.c_str(), &info) == 0 && (info.st_mode & 077) != 0)
    return Error{ErrorKind::invalid, "bad_tls_file",
                 "the key " + key.string() + " can be read by others; chmod 600 " + key.string(), "tls_key"};
  auto context = make_context(ssl::context::tls_server);
  error_code ec;
  context->use_certificate_chain_file(certificate.string(), ec);
  if (ec) return bad_file("tls_cert", certificate, ec);
  context->use_private_key_file(key.string(), ssl::context::pem, ec);
  if (ec) return bad_file("tls_key", key, ec);
  return context;
}

Result<Tls> client_tls(std::filesystem::path const& ca_file) {
  auto context = make_context(ssl::context::tls_client);
  error_code ec;
  if (ca_file.empty())
    context->set_default_verify_paths(ec);
  else
    context->load_verify_file(ca_file.string(), ec);
  if (ec) return bad_file("ca_file", ca_file.empty() ? "the system's certificates" : ca_file, ec);
  context->set_verify_mode(ssl::verify_peer);
  return context;
}

}  // namespace ar::http
