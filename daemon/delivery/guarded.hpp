// Calls into code that may throw where it should not: an adapter's, a handler's.
#pragma once
#include "base/async.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <string>
#include <utility>

namespace ar::daemon {

void log_fault(std::string const& what, char const* why);

/// What `call` gives, or `on_fault` when it throws: a fault in an adapter costs this one answer, and nothing waits for
/// ever. That it is cancelled is no fault.
template <class T>
awaitable<T> guarded(std::string what, awaitable<T> call, T on_fault) {
  try {
    co_return co_await std::move(call);
  } catch (boost::system::system_error const& error) {
    if (error.code() == net::error::operation_aborted) throw;
    log_fault(what, error.what());
  } catch (std::exception const& error) {
    log_fault(what, error.what());
  }
  co_return on_fault;
}

}  // namespace ar::daemon
