// Finds the route of a method and path.
#pragma once
#include "base/error.hpp"
#include "control/route.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ar::control {

class Router {
 public:
  /// `routes` must outlive the router.
  explicit Router(std::span<Route const> routes);

  struct Match {
    Route const* route = nullptr;  ///< null: no such path, or, with `allow`, not this method
    std::string allow{};           ///< the methods of the path, for a 405
    std::string argument{};        ///< the path's argument, decoded but not yet validated
    std::string_view parameter{};  ///< its name in the pattern
    bool bad_escape = false;       ///< the path cannot be decoded
  };
  /// HEAD finds GET's route.
  Match match(std::string_view method, std::string_view path) const;

 private:
  struct Entry {
    Route const* route;
    std::vector<std::string_view> segments;
  };
  std::vector<Entry> entries_;
};

/// Checks a path's argument and puts it into the call.
std::optional<Error> set_argument(Call& call, std::string_view parameter, std::string argument);

}  // namespace ar::control
