// What the model was given of each message: the count and the bytes at the far end of the road.
#pragma once
#include "base/json.hpp"

#include <cstdlib>
#include <map>
#include <string>

namespace ar::test {

struct Received {
  int times = 0;
  std::string text;  ///< between the header and the end mark
};

/// By message id; `prompts`: what the stub of the model API shows.
inline std::map<std::int64_t, Received> received_by_model(json const& prompts) {
  std::map<std::int64_t, Received> found;
  std::string const mark = "[agent-runner ", id_mark = " \u00b7 message ";
  for (auto const& prompt : prompts) {
    auto const text = prompt.get<std::string>();
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
      auto const correlation_id = text.substr(at + mark.size(), 10);
      if (correlation_id == "0000000000") continue;  // one of the bodies forges an envelope
      if (text.compare(at + mark.size() + 10, id_mark.size(), id_mark) != 0) continue;
      auto const id = std::atoll(text.c_str() + at + mark.size() + 10 + id_mark.size());
      auto const begin = text.find('\n', at);
      auto const end = text.find("\n[end " + correlation_id + "]", at);
      if (begin == std::string::npos || end == std::string::npos) continue;
      auto& one = found[id];
      ++one.times;
      one.text = end > begin ? text.substr(begin + 1, end - begin - 1) : "";
    }
  }
  return found;
}

}  // namespace ar::test
