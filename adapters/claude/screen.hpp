// Reads Claude Code's screen: is there a composer, what stands in it, and if not, what is there instead? Pure
// functions on captured lines, tested on recorded screens (tests/claude/screens).
#pragma once
#include "adapters/claude/versions.hpp"
#include "adapters/provider_event.hpp"
#include "terminal/terminal.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ar::adapters::claude {

struct View {
  enum class Kind {
    composer,    ///< the prompt's input line; `text` is what stands in it
    shell_mode,  ///< the composer in "!" mode: a paste would run as a command
    overlay,     ///< a dialog, menu or view in its place; `name` says which
    limit,       ///< the menu of a used-up account: Escape closes it
    left,        ///< a shell, after the CLI's end
    unclear,     ///< nothing we know: still starting, or a new kind of screen
  };
  Kind kind = Kind::unclear;
  std::string text{};    ///< composer: without hints shown in dim letters; lines joined by newlines as displayed
  std::string name{};    ///< for people, whatever the kind
  std::string above{};   ///< composer: the lines above it, where a prompt shows once it is submitted
  bool stashed = false;  ///< a draft is set aside already: another stash would overwrite it
};

/// `screen` should be captured with styles; without them a hint in the composer reads as text.
View read_view(terminal::Screen const& screen, VersionRow const& row);

/// "✻ API error · retrying in 16s · attempt 6/10": what stands in the place of a turn's progress. Nothing: it shows no
/// such line.
std::optional<Retrying> retry_on(terminal::Screen const& screen);

/// A captured screen without its styles.
std::string plain_text(std::string_view captured);
/// Something else stands in the composer's place.
bool is_covered(View const& view);
/// Why nothing can be typed there, for people: "the permission prompt is open"; of a composer: somebody's
/// text is in it.
std::string obstacle_of(View const& view);

/// True when the composer holds exactly `words` and then `pasted`: as text, however wrapped, or as one collapsed paste
/// of as many lines.
bool shows_only(View const& view, std::string_view pasted, VersionRow const& row, std::string_view words = {});
/// True when `pasted` stands in the composer beside something else than `words`.
bool shows_among_others(View const& view, std::string_view pasted, VersionRow const& row, std::string_view words = {});
/// True when the composer holds `words` and nothing else than, perhaps, one collapsed paste.
bool shows_words(View const& view, std::string_view words, VersionRow const& row);

}  // namespace ar::adapters::claude
