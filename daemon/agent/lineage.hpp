// Which agent is whose child, of all agents that there are. Supervisor adds and removes them; everybody else asks. A
// parent is removed after its children, so that a later agent of its name has none of them. io thread only.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ar::daemon {

class Lineage {
 public:
  struct Member {
    std::string parent{};  ///< empty: nobody's child
    std::string root{};    ///< where its line of parents begins; itself where it has none
    std::string name{};    ///< for people: its label, else its id
  };

  void add(std::string id, Member member) { members_[std::move(id)] = std::move(member); }
  void remove(std::string_view id);

  /// Null: there is no such agent.
  Member const* find(std::string_view id) const;
  /// The nearest first.
  std::vector<std::string> ancestors(std::string_view id) const;
  /// Parents before their children.
  std::vector<std::string> descendants(std::string_view id) const;
  bool is_descendant(std::string_view id, std::string_view of) const;

 private:
  std::map<std::string, Member, std::less<>> members_;
};

}  // namespace ar::daemon
