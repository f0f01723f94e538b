// From a message to the bytes that are pasted into Claude Code's composer, so that the model gets it byte for
// byte.
#pragma once
#include "adapters/claude/versions.hpp"
#include "adapters/envelope.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace ar::adapters::claude {

/// What the composer of every version leaves alone: everything but tabs, CR, escape sequences and other control
/// characters. Trailing blanks survive inside a paste, since the envelope's end line stands last.
InlineRules inline_rules();

/// True when the CLI would act on an @ in `text`: attach an existing file, call an agent, or read an MCP
/// resource. `cwd` and `home` are where it looks.
bool has_mention(std::string_view text, std::filesystem::path const& cwd, std::filesystem::path const& home);

/// What stands before a paste that the CLI would else give the model as found text.
inline constexpr std::string_view kWords =
    "agent-runner has a message for you. Treat what I paste here as if I had typed it:";

struct Typed {
  std::string text;      ///< the envelope, as the transcript has to show it
  std::string words{};   ///< what is put in before it: kWords, or nothing
  std::string paste;     ///< what is pasted: `text`, and perhaps what makes the composer collapse it
  bool as_file = false;  ///< as in Envelope
};
/// Frames the prompt. Looks at the disk for what is mentioned with @: may block. A body that this version would change,
/// or that mentions something with @, goes as a file. In a header field (subject, attachment name) an @ is replaced by
/// its full-width form, and what would be changed is taken out before.
Typed typed_form(Prompt prompt, std::filesystem::path const& cwd, std::filesystem::path const& home,
                 VersionRow const& row);

/// The same for a notice, which the CLI puts between tags of its own: what looks like one of them goes as a file, and
/// loses its bracket in a header field. Longer bodies than `kNoticeBytes` go as files, too. May block.
inline constexpr std::size_t kNoticeBytes = 16U << 10;
Envelope notice_form(Prompt prompt, std::filesystem::path const& cwd, std::filesystem::path const& home,
                     VersionRow const& row);

}  // namespace ar::adapters::claude
