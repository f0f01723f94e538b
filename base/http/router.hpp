// Finds the route of a request in a table of routes, and says what is wrong with a request that fits none.
#pragma once
#include "base/http/http.hpp"
#include "base/http/url.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar::http {

class Router {
 public:
  /// A table's rows have a `method` and a `pattern` ("/v1/agents/{agent}/stop", with any number of parameters), whose
  /// texts must outlive the router. `page` documents them.
  template <class Route>
  Router(std::vector<Route> const& table, std::string_view page) : page_(page) {
    for (Route const& route : table) add(route.method, route.pattern);
  }

  struct Argument {
    std::string_view parameter;  ///< its name in the pattern, without the braces
    std::string value;           ///< decoded but not yet validated
  };
  struct Match {
    std::optional<std::size_t>
        route{};          ///< its place in the table; none: no such path, or, with `allow`, not this method
    std::string allow{};  ///< the methods of the path, for a 405
    std::vector<Argument> arguments{};  ///< of the path, in its order
    bool bad_escape = false;            ///< the path cannot be decoded
    std::string_view query{};           ///< of the request's target, as it came
  };
  /// HEAD finds GET's route.
  Match match(std::string_view method, std::string_view path) const;
  /// The same for a request, whose target must outlive the match. Error: the target is no path.
  Result<Match> match(Request const& head) const;

  /// Refuses a request without a route (404; 405, whose header goes into `refusal`) and an ill-formed path. Apart from
  /// match(), so that who asks can be checked before strangers learn what there is.
  Result<void> check(Request const& head, Match const& match, Response& refusal) const;

 private:
  struct Entry {
    std::string_view method, pattern;
    std::vector<std::string_view> segments;
  };
  void add(std::string_view method, std::string_view pattern);

  std::string_view page_;
  std::vector<Entry> entries_;
};

}  // namespace ar::http
