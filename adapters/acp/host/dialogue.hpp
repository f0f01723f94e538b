// Who may say what to an agent that speaks ACP: the daemon and the person at the terminal share it, and there is never
// a second prompt while one runs (some agents end the first one then). No input and no output: what is to be done
// comes back as steps.
#pragma once
#include "base/json.hpp"

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace ar::acp_host {

struct Step {
  enum class To { agent, daemon, screen } to;
  std::string text;   ///< a frame, or what is shown
  bool keep = false;  ///< the frame belongs to what every reader of the record must know
};
using Steps = std::vector<Step>;

class Dialogue {
 public:
  /// A frame from the agent, which is in the record already. `keep` is set where readers must always find it.
  Steps from_agent(json const& frame, bool& keep);
  /// A frame from the daemon.
  Steps from_daemon(json const& frame, std::string const& raw);
  /// A line that the person has typed.
  Steps from_person(std::string const& line);
  /// Ends the running turn.
  Steps cancel();

  bool prompt_runs() const { return !prompt_.empty(); }
  /// Nothing is under way: no prompt, no question, no other request.
  bool is_idle() const { return prompt_.empty() && asks_.empty() && requests_ == 0; }

 private:
  Steps prompt_of_person(std::string const& text);
  Steps next_line();
  Steps answer(std::string const& number, json result);

  std::string session_{};
  std::string prompt_{};                   ///< the id of the one that runs
  std::map<std::string, json> opening_{};  ///< requests that open a session: what they name
  std::set<std::string> kept_{};           ///< requests whose answers every reader must know
  std::map<std::string, json> asks_{};     ///< what a person is asked: whole frames
  std::deque<std::string> lines_{};        ///< of the person, for the end of the turn
  std::int64_t requests_ = 0;              ///< others of the daemon's that have no answer yet
  std::int64_t last_line_ = 0;
};

}  // namespace ar::acp_host
