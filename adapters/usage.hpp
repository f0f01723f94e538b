// What a provider's own record says its model has used.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"

#include <cstddef>
#include <cstdint>

namespace ar::adapters {

/// Tokens; no token is in two of the counts.
struct Usage {
  std::int64_t input = 0;  ///< that no cache had
  std::int64_t output = 0;
  std::int64_t cache_read = 0, cache_write = 0;

  friend bool operator==(Usage const&, Usage const&) = default;
  Usage& operator+=(Usage const& more) {
    input += more.input;
    output += more.output;
    cache_read += more.cache_read;
    cache_write += more.cache_write;
    return *this;
  }
  Usage& operator-=(Usage const& less) {
    input -= less.input;
    output -= less.output;
    cache_read -= less.cache_read;
    cache_write -= less.cache_write;
    return *this;
  }
};

/// The count of this name in a provider's figures; 0: absent, or no count of tokens.
std::int64_t token_count(json const& usage, char const* name);

/// Of one conversation since its beginning: it only grows.
struct RecordedUsage {
  Usage total{};
  Usage at_turn_end{};        ///< the newest one that the record shows
  std::size_t turns = 0;      ///< that it shows the end of
  bool turn_is_open = false;  ///< something has been asked or answered since
};

/// Reads a record as it grows, each answer of the model once, however often the record tells of it.
class UsageReader {
 public:
  virtual ~UsageReader() = default;
  /// Blocks. A record that is not there is empty; one that cannot be read is an error.
  virtual Result<RecordedUsage> read() = 0;
};

}  // namespace ar::adapters
