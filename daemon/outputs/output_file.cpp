#include "daemon/outputs/output_file.hpp"

#include "base/ids.hpp"

namespace ar::daemon {

json to_json(MissingOutput const& missing) {
  json shown = {{"path", missing.path}, {"reason", missing.reason}};
  if (!missing.id.empty()) shown["id"] = missing.id;
  if (!missing.message.empty()) shown["message"] = missing.message;
  return shown;
}

json to_json(std::vector<MissingOutput> const& missing) {
  json list = json::array();
  for (auto const& one : missing) list.push_back(to_json(one));
  return list;
}

std::vector<MissingOutput> missing_from(json const& stored) {
  std::vector<MissingOutput> all;
  for (auto const& one : stored)
    all.push_back({text_at(one, "path"), text_at(one, "reason"), text_at(one, "message"), text_at(one, "id")});
  return all;
}

std::string stamp_of(struct stat const& file) {
  auto const time = [](timespec at) { return std::to_string(at.tv_sec) + "." + std::to_string(at.tv_nsec); };
  return std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino) + ":" + std::to_string(file.st_size) + ":" +
         time(file.st_mtim) + ":" + time(file.st_ctim);
}

std::string output_id(std::string const& path, std::string const& sha256) {
  return sha256_hex(path + std::string(1, '\0') + sha256).substr(0, 20);
}

}  // namespace ar::daemon
