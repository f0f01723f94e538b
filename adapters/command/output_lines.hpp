// Turns what a program writes to its terminal into plain lines. Escape sequences and other controls are
// dropped; a sequence that moves the cursor elsewhere ends the line, so that what stands in two places of the
// screen never reads as one. Lines are cut at 4096 bytes (a longer one is no sign that a profile would
// declare, and must not cost memory).
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ar::adapters::command {

class OutputLines {
 public:
  /// The lines completed by these bytes, without empty ones.
  std::vector<std::string> feed(std::string_view bytes);
  /// The line begun and not ended: a prompt, for example.
  std::string const& partial() const { return line_; }
  /// Forgets the line begun.
  void forget() { line_.clear(); }

 private:
  enum class In { text, escape, intermediate, csi, string, string_escape };
  void end_line(std::vector<std::string>& lines);
  void end_csi(char final, std::vector<std::string>& lines);
  In in_ = In::text;
  std::string line_;
  std::string parameters_;  ///< of the CSI sequence being read
};

}  // namespace ar::adapters::command
