#include "daemon/snapshot/secrets.hpp"

#include "base/words.hpp"

namespace ar::daemon {
namespace {

constexpr std::string_view kSecret = "env headers secret token";

void withhold(json& value, std::string const& path, std::vector<std::string>& withheld) {
  if (value.is_array())
    for (auto& part : value) withhold(part, path, withheld);
  if (!value.is_object()) return;
  for (auto at = value.begin(); at != value.end(); ++at) {
    auto const& name = at.key();
    auto& part = at.value();
    auto const place = path.empty() ? name : path + "." + name;
    if (!has_word(kSecret, name)) {
      withhold(part, place, withheld);
    } else if (part.is_object()) {
      for (auto const& entry : part.items()) withheld.push_back(place + "." + entry.key());
      part = json::object();
    } else if (!part.is_null() && !part.is_boolean()) {
      withheld.push_back(place);
      part = nullptr;
    }
  }
}

}  // namespace

std::vector<std::string> withhold_secrets(json& specification) {
  std::vector<std::string> withheld;
  withhold(specification, {}, withheld);
  return withheld;
}

}  // namespace ar::daemon
