#pragma once
#include "daemon/store/tables/table.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ar::daemon {

/// The skills that are kept, without their files, and which agents have them. A skill is live, or it is kept only for
/// the agents that were spawned with it: it was removed, or is the content of somebody's folder.
class SkillTable {
 public:
  explicit SkillTable(Database& db) : db_(db) {}
  struct Row {
    std::string id{}, name{}, hash{};
    std::int64_t bytes = 0;  ///< of its files
    std::string files{};     ///< JSON: [{path, bytes}]
    WallTime created_at{};
    bool live = true;
  };
  struct Filter {
    std::optional<std::string> name{}, hash{};
    std::string after{};  ///< this name
    int limit = 100;
  };

  std::optional<Row> find(std::string const& id) const;
  /// The newest of that name that is live.
  std::optional<Row> newest(std::string const& name) const;
  /// With that content; `any`: also one that is not live.
  std::optional<Row> with_content(std::string const& name, std::string const& hash, bool any) const;
  /// Those that are live, without `files`: of each name the newest, or the one with that hash. In the order of their
  /// names.
  std::vector<Row> list(Filter const& filter) const;
  struct Size {
    std::int64_t count = 0, bytes = 0;
  };
  Size size() const;
  std::set<std::string> ids() const;
  /// Without `files`, the newest first.
  std::vector<Row> all() const;

  void add(Row const& row);
  /// As the oldest of all: what is newest of its name stays so.
  void add_oldest(Row const& row);
  /// One that is not live is.
  void revive(std::string const& id);
  /// Not live any more.
  void retire(std::string const& id);
  void pin(std::string const& agent, std::string const& id);
  void unpin(std::string const& agent);
  /// What is pinned for agents that are not there.
  void unpin_strangers();
  std::vector<std::string> pinned_by(std::string const& id) const;
  /// Forgets those that are not live and that no agent has: their ids.
  std::vector<std::string> collect();

 private:
  Database& db_;
};

}  // namespace ar::daemon
