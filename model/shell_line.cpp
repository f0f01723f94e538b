#include "model/shell_line.hpp"

#include "base/unicode.hpp"
#include "base/words.hpp"

#include <algorithm>

namespace ar {
namespace {

constexpr std::string_view kReserved =
    "if then else elif fi do done case esac while until for foreach select repeat in end function time coproc { } ! [[ "
    "]]";

bool is_name_char(char c, bool first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

/// Of a variable.
bool is_name(std::string_view word) {
  for (std::size_t i = 0; i < word.size(); ++i)
    if (!is_name_char(word[i], i == 0)) return false;
  return !word.empty();
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

class Reader {
 public:
  Reader(std::string_view text, bool pattern) : text_(text), pattern_(pattern) {}

  ShellLine read() {
    if (text_.size() > ShellLine::kMost) not_understood("it is longer than 4096 bytes");
    if (!is_utf8(text_)) not_understood("it is not UTF-8");
    while (at_ < text_.size()) step();
    end_command("");
    return std::move(line_);
  }

 private:
  /// Of several, the first is told.
  void not_understood(std::string what) {
    if (line_.problem.empty()) line_.problem = std::move(what);
  }

  bool follows(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  /// Skips it when it comes next.
  bool take(std::string_view what) {
    if (!follows(what)) return false;
    at_ += what.size();
    return true;
  }

  void add(char c, bool quoted) {
    if (pattern_ && quoted && (c == '*' || c == '?' || c == '\\')) word_.text += '\\';
    word_.text += c;
    in_word_ = true;
    quoted_ = quoted_ || quoted;
  }

  void step() {
    for (auto const* op : {"&&", "||", "|", ";", "\n"})
      if (!follows("&>") && take(op)) return take_operator(op);
    if (follows("<") || follows(">") || follows("&>")) return begin_redirection();
    if (take("&")) return end_command("&");
    auto const c = text_[at_++];
    switch (c) {
      case ' ':
      case '\t': return end_word();
      case '\'': return single_quoted();
      case '"': return double_quoted();
      case '\\': return escaped();
      case '#':
        if (in_word_) return add(c, false);
        not_understood("it has a comment (#)");
        at_ = std::min(text_.find('\n', at_), text_.size());
        return;
      case '(':
      case ')':
      case '`':
        not_understood(c == '`' ? "it has a command substitution (`)"
                                : "it has parentheses: a subshell, "
                                  "a substitution or a function");
        return end_command("(");
      default: return unquoted(c);
    }
  }

  void take_operator(std::string_view op) {
    if (op == "|" && take("&")) not_understood("it has the operator |&");
    if (op == ";" && (follows(";") || follows("&"))) not_understood("it has an operator of case");
    end_command(op == "\n" ? ";" : op, op == "\n");
  }

  /// A character that means itself, or something that is not understood here.
  void unquoted(char c) {
    bool const first = !in_word_;
    auto const last = word_.text.empty() ? '\0' : word_.text.back();
    auto const code = static_cast<unsigned char>(c);
    if (code < 0x20 || code >= 0x7f) not_understood("it has an unquoted character that is not plain ASCII");
    if (c == '$') {
      not_understood("it has an expansion ($)");
      word_.plain = false;
    } else if (c == '*' || c == '?' || c == '[') {
      if (pattern_ && c != '[') return add(c, false);
      word_.plain = false;
      if (word_.text.empty() || (command_.words.empty() && !redirection_))
        not_understood("a word begins with a pattern of files");
    } else if (c == '~' && (first || last == '=' || last == ':')) {
      not_understood("it has a home folder (~)");
      word_.plain = false;
    } else if (c == '{' || c == '}') {
      not_understood("it has braces");
      word_.plain = false;
    } else if (c == '^' || ((c == '!' || c == '=') && first)) {
      not_understood(std::string("it has an unquoted ") + c);
    } else if (c == '=' && !quoted_ && command_.words.empty()) {
      assigns_ = assigns_ || is_name(word_.text);
      if (!assigns_ && last == '+') not_understood("it has an assignment with +=");
    }
    add(c, false);
  }

  void single_quoted() {
    auto const end = text_.find('\'', at_);
    if (end == std::string_view::npos) not_understood("a quote is not closed");
    quoted_ = in_word_ = true;
    for (; at_ < std::min(end, text_.size()); ++at_) add_quoted(text_[at_]);
    at_ = std::min(at_ + 1, text_.size());
  }

  void double_quoted() {
    quoted_ = in_word_ = true;
    for (;;) {
      if (at_ >= text_.size()) return not_understood("a quote is not closed");
      auto const c = text_[at_++];
      if (c == '"') return;
      if (c == '$' || c == '`') {
        not_understood(std::string("it has an expansion (") + c + ") between double quotes");
        word_.plain = false;
      }
      if (c == '\\' && at_ < text_.size() && std::string_view("$`\"\\\n").find(text_[at_]) != std::string_view::npos) {
        if (text_[at_] == '\n')
          not_understood("a line goes on after a \\");
        else
          add_quoted(text_[at_]);
        ++at_;
        continue;
      }
      add_quoted(c);
    }
  }

  void add_quoted(char c) {
    auto const code = static_cast<unsigned char>(c);
    if ((code < 0x20 && c != '\n' && c != '\t') || code == 0x7f) not_understood("it has a control character");
    add(c, true);
  }

  void escaped() {
    if (at_ >= text_.size()) return not_understood("it ends with a \\");
    auto const c = text_[at_++];
    if (c == '\n') return not_understood("a line goes on after a \\");
    add_quoted(c);
  }

  void begin_redirection() {
    bool const both = take("&");
    if (!both && in_word_ && !quoted_ && word_.plain && is_number(word_.text)) {
      if (word_.text.size() > 1) not_understood("a redirection has a descriptor of several digits");
      word_ = {};
      in_word_ = false;
    }
    end_word();
    if (redirection_) not_understood("a redirection names no file");
    redirection_ = true;
    duplicates_ = false;
    if (take("<<")) {
      not_understood("it has a here-document");
      (void)(take("<") || take("-"));
    } else if (take("<")) {
      if (take(">")) return;
      duplicates_ = take("&");
    } else {
      (void)take(">");
      if (both) return (void)take(">");
      if (take(">") || take("|")) return;
      duplicates_ = take("&");
    }
  }

  void end_word() {
    if (!in_word_) return;
    auto word = std::move(word_);
    bool const quoted = quoted_;
    word_ = {};
    in_word_ = quoted_ = false;
    if (redirection_) {
      redirection_ = false;
      bool const harmless =
          word.plain && (word.text == "/dev/null" || (duplicates_ && (word.text == "1" || word.text == "2")));
      (harmless ? command_.silenced : command_.redirects) = true;
      redirected_ = true;
    } else if (command_.words.empty() && assigns_) {
      command_.assignments.push_back(std::move(word));
    } else if (command_.words.empty() && !quoted && has_word(kReserved, word.text)) {
      not_understood("it has the shell's word " + word.text);
    } else {
      command_.words.push_back(std::move(word));
    }
    assigns_ = false;
  }

  void end_command(std::string_view op, bool may_be_empty = false) {
    end_word();
    if (redirection_) not_understood("a redirection names no file");
    redirection_ = false;
    bool const empty = command_.words.empty() && command_.assignments.empty() && !redirected_;
    // A newline after an operator, or an empty line, changes nothing.
    if (empty && may_be_empty) return;
    bool const wanted = command_.before == "&&" || command_.before == "||" || command_.before == "|";
    if (empty && (!op.empty() || wanted)) not_understood("a command is missing beside an operator");
    if (!empty) line_.commands.push_back(std::move(command_));
    command_ = {};
    command_.before = op;
    redirected_ = false;
  }

  std::string_view text_;
  bool const pattern_;
  std::size_t at_ = 0;
  ShellLine line_{};
  ShellCommand command_{};
  ShellWord word_{};
  bool in_word_ = false;
  bool quoted_ = false;       ///< some of the word is
  bool assigns_ = false;      ///< the word has begun with NAME=
  bool redirection_ = false;  ///< the next word is its file
  bool duplicates_ = false;   ///< >& and <&
  bool redirected_ = false;   ///< the command has one
};

bool needs_quotes(std::string const& word) {
  return word.empty() || !std::ranges::all_of(word, [](char c) {
           return is_name_char(c, false) || std::string_view("./:,+@%-").find(c) != std::string_view::npos;
         });
}

std::string quoted(std::string const& word) {
  std::string text = "'";
  for (auto const c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace

ShellLine read_shell_line(std::string_view text) { return Reader(text, false).read(); }
ShellLine read_shell_pattern(std::string_view text) { return Reader(text, true).read(); }

std::string to_shell_line(ShellCommand const& command) {
  std::string line;
  for (auto const& [text, plain] : command.assignments) {
    auto const value = text.substr(text.find('=') + 1);
    line += text.substr(0, text.size() - value.size()) + (needs_quotes(value) ? quoted(value) : value) + " ";
  }
  for (auto const& [text, plain] : command.words) {
    bool const first = &text == &command.words.front().text;
    line += needs_quotes(text) || (first && has_word(kReserved, text)) ? quoted(text) : text;
    line += " ";
  }
  if (!line.empty()) line.pop_back();
  return line;
}

}  // namespace ar
