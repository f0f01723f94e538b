#pragma once
#include "daemon/store/tables/table.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ar::daemon {

/// What has been captured of each agent's output folders: of each path the newest content.
class OutputTable {
 public:
  explicit OutputTable(Database& db) : db_(db) {}
  struct Row {
    std::int64_t number = 0;  ///< another one with every content, never given twice
    std::string id, path, name, sha256;
    std::int64_t bytes = 0;
    std::string stamp;  ///< of its file, when it was read
    std::int64_t turn = 0;
    WallTime modified_at{}, captured_at{};
    std::optional<WallTime> gone_at{};  ///< its file was not there any more
  };
  /// The newest capture of an agent.
  struct Capture {
    std::int64_t turn = 0;
    WallTime at{};
    std::string missing;  ///< JSON
  };

  /// Those after `number`, in their order; `limit` 0: all.
  std::vector<Row> after(std::string const& agent, std::int64_t number, int limit) const;
  std::optional<Row> find(std::string const& agent, std::string const& id) const;
  std::set<std::string> contents(std::string const& agent) const;  ///< their SHA-256
  std::int64_t bytes(std::string const& agent) const;              ///< of these, each once
  std::optional<Capture> capture(std::string const& agent) const;

  /// In the place of what there is of that path; its number is made here.
  void put(std::string const& agent, Row const& row);
  /// `at` nothing: its file is there again.
  void set_gone(std::string const& agent, std::string const& path, std::optional<WallTime> at);
  void set_stamp(std::string const& agent, std::string const& path, std::string const& stamp);
  void put(std::string const& agent, Capture const& capture);
  void erase_agent(std::string const& agent);
  /// Of files that have been gone since before `oldest`.
  void prune(std::string const& agent, Walk& walk, WallTime oldest);

 private:
  Database& db_;
};

}  // namespace ar::daemon
