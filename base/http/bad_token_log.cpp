#include "base/http/bad_token_log.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace ar::http {

void BadTokenLog::note(std::string const& door, std::string_view request) {
  ++since_last_line_;
  if (!throttle_.should_log(door, "bad token")) return;
  spdlog::warn("{}: a request over {} with a bad token was refused: {}; {} in all since the last such line", server_,
               door, request, std::exchange(since_last_line_, 0));
}

}  // namespace ar::http
