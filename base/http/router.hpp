// Finds the route of a method and path.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar::http {

/// One pattern of a router: "/v1/agents/{agent}/stop", with at most one parameter.
struct RouteName {
  std::string_view method, pattern;
};

class Router {
 public:
  /// The texts must outlive the router.
  explicit Router(std::vector<RouteName> const& routes);

  struct Match {
    std::optional<std::size_t>
        route{};                   ///< its place in the list; none: no such path, or, with `allow`, not this method
    std::string allow{};           ///< the methods of the path, for a 405
    std::string argument{};        ///< the path's argument, decoded but not yet validated
    std::string_view parameter{};  ///< its name in the pattern, with the braces
    bool bad_escape = false;       ///< the path cannot be decoded
  };
  /// HEAD finds GET's route.
  Match match(std::string_view method, std::string_view path) const;

 private:
  struct Entry {
    std::string_view method;
    std::vector<std::string_view> segments;
  };
  std::vector<Entry> entries_;
};

}  // namespace ar::http
