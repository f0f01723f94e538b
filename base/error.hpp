// Errors as values. Every fallible function of the project returns Result<T>; exceptions are for bugs only.
#pragma once
#include <boost/system/result.hpp>

#include <string>
#include <string_view>

namespace ar {

/// What went wrong, coarsely: decides the HTTP status and the command line's exit code.
enum class ErrorKind {
  invalid,       ///< the caller's input is wrong; `field` names where
  unauthorized,  ///< no token, or one that is unknown, expired or revoked
  forbidden,     ///< a good token without the right
  not_found,
  conflict,     ///< the present state does not allow it
  too_large,    ///< over a configured limit
  unavailable,  ///< something we depend on is away; the same call may work later
  timeout,
  internal,  ///< a fault of ours, of the disk or of the system
};

/// `code` is stable and for programs (`idempotency_conflict`); `message` is for people and says what happened, to
/// what, and what to do about it.
struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string code;
  std::string message;
  std::string field{};        ///< for `invalid`: the input's field, as the caller spelled it
  std::string existing_id{};  ///< for `idempotency_conflict`: of what the first request made
};

template <class T>
using Result = boost::system::result<T, Error>;

inline Error invalid(std::string field, std::string message) {
  return {ErrorKind::invalid, "invalid_argument", std::move(message), std::move(field)};
}
inline Error not_found(std::string code, std::string message) {
  return {ErrorKind::not_found, std::move(code), std::move(message)};
}
inline Error conflict(std::string code, std::string message) {
  return {ErrorKind::conflict, std::move(code), std::move(message)};
}
/// A key has been used for another request before, which made what has that id.
inline Error idempotency_conflict(std::string existing_id, std::string message) {
  return {ErrorKind::conflict, "idempotency_conflict", std::move(message), {}, std::move(existing_id)};
}
inline Error unavailable(std::string code, std::string message) {
  return {ErrorKind::unavailable, std::move(code), std::move(message)};
}
inline Error timed_out(std::string message) { return {ErrorKind::timeout, "timeout", std::move(message)}; }
/// `message` should already hold strerror or the library's own words.
inline Error internal(std::string code, std::string message) {
  return {ErrorKind::internal, std::move(code), std::move(message)};
}
/// An internal error from errno: "WHAT: No such file or directory".
Error from_errno(std::string_view what, int errno_value);

/// It may pass by itself: the same call may work later.
inline bool is_transient(Error const& error) {
  return error.kind == ErrorKind::unavailable || error.kind == ErrorKind::timeout;
}

/// The name of the kind as programs see it ("not_found").
std::string_view to_string(ErrorKind kind);

/// Called by Result::value() on an error; reaching it is a bug of the caller.
[[noreturn]] void throw_exception_from_error(Error const& error, boost::source_location const& where);

}  // namespace ar
