// The relay's JSON answers as values. What makes no sense is `unavailable`: the relay may be another by the next call.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"

#include <string>
#include <utility>
#include <vector>

namespace ar::relay::remote {

template <class T>
Result<T> read_as(Result<json> const& answer, Result<T> (*read)(json const&)) {
  if (!answer) return answer.error();
  auto value = read(*answer);
  if (!value) return unavailable("bad_answer", "the relay's answer makes no sense: " + value.error().message);
  return value;
}

/// The field `name` of the answer; null when it is missing.
inline Result<json> part(Result<json> const& answer, char const* name) {
  if (!answer) return answer.error();
  auto const found = answer->find(name);
  return ok(found == answer->end() ? json() : *found);
}

template <class T>
Result<std::vector<T>> read_list(Result<json> const& answer, char const* name, Result<T> (*read)(json const&)) {
  if (!answer) return answer.error();
  auto const list = answer->find(name);
  if (list == answer->end() || !list->is_array())
    return unavailable("bad_answer", std::string("the relay's answer has no list \"") + name + "\"");
  std::vector<T> all;
  for (auto const& entry : *list) {
    auto one = read_as(ok(entry), read);
    if (!one) return one.error();
    all.push_back(std::move(*one));
  }
  return all;
}

inline Result<void> nothing(Result<json> const& answer) {
  if (!answer) return answer.error();
  return {};
}

/// The relay could not be asked.
template <class T>
bool is_away(Result<T> const& answer) {
  return !answer && is_transient(answer.error());
}

}  // namespace ar::relay::remote
