// Turns what a program writes to its terminal into plain lines, by the rules that its terminal (tmux) has. Escape
// sequences and other controls are dropped; a sequence that moves the cursor elsewhere ends the line, so that what
// stands in two places of the screen never reads as one. Of a line longer than 4096 bytes the end is kept, where its
// latest words are.
#pragma once
#include "base/async.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ar::adapters {

class OutputLines {
 public:
  /// The lines completed by these bytes, without empty ones.
  std::vector<std::string> feed(std::string_view bytes, Clock::time_point now = Clock::now());
  /// The line begun and not ended: a prompt, for example.
  std::string const& partial() const { return line_; }
  /// Forgets the line begun.
  void forget() {
    line_.clear();
    to_come_ = 0;
  }

 private:
  enum class In { text, escape, intermediate, csi, device_header, device, device_escape, title, string };
  void one(char c, std::vector<std::string>& lines);
  bool control(char c, std::vector<std::string>& lines);
  void add(char c);
  void end_line(std::vector<std::string>& lines);
  void end_escape(char final, std::vector<std::string>& lines);
  void end_csi(char final, std::vector<std::string>& lines);
  In in_ = In::text;
  Clock::time_point string_since_{};
  std::string line_;
  std::string parameters_;     ///< of the sequence being read
  std::size_t character_ = 0;  ///< bytes that the character being read has so far
  std::size_t to_come_ = 0;    ///< and that it lacks
  bool malformed_ = false;
};

}  // namespace ar::adapters
