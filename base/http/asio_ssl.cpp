// Asio's part for TLS, compiled once (see base/boost.cpp): here, so that programs without HTTP need no OpenSSL.
#include <boost/asio/ssl/impl/src.hpp>
