// A job on a Worker that ends with a value, whatever it meets.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/sqlite.hpp"
#include "base/worker.hpp"

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

namespace ar::daemon {

/// `job` returns a Result; what it throws becomes its error.
template <class Job, class Value = std::invoke_result_t<Job&>>
awaitable<Value> file_job(Worker& worker, Job job) {
  auto safe = [job = std::move(job)]() mutable -> Value {
    try {
      return job();
    } catch (SqliteError const& e) {
      return e.error;
    } catch (std::exception const& e) {
      return internal("snapshot_failed", std::string("a snapshot's job has failed: ") + e.what());
    }
  };
  co_return co_await worker.run(std::move(safe));
}

}  // namespace ar::daemon
