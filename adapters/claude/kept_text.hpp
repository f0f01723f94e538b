// What Claude Code keeps of a prompt's text when it is submitted. From 2.1.277 on it takes characters out that nobody
// sees, and rewrites tags of a name that it uses itself.
#pragma once
#include <string>
#include <string_view>

namespace ar::adapters::claude {

/// True when `text` certainly stays as it is. Some that would stay, too, are taken for one that does not (a joiner in a
/// Persian or Hindi word, a direction mark beside Hebrew, the flag of England): the CLI's rules for them are its own.
/// Control characters are not looked at.
bool is_kept(std::string_view text);

/// `text` with `instead` in the place of each character that may be taken out, and its tags made harmless.
std::string kept_form(std::string_view text, std::string_view instead);

}  // namespace ar::adapters::claude
