// The files that an agent's messages came with, in one folder: bodies that are too long or odd to be typed,
// attachments. Their names begin with the message's number and say whose number that is: an agent goes on reading the
// one of an earlier store. They go when what became of the message is forgotten.
#pragma once
#include "base/paths.hpp"
#include "model/message.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace ar::daemon {

std::filesystem::path message_files_dir(Paths const& paths, std::string const& agent);
/// `store`: of the bus, whose number it is; empty: of none.
std::string body_file_name(MessageId message, std::string const& store);
/// `number`: of the attachment within its message. `name`: the sender's, of which only what is safe is taken.
std::string attachment_file_name(MessageId message, std::string const& store, int number, std::string const& name);
/// Whose file that is; nothing: none of these names.
std::optional<MessageId> message_of_file(std::string_view name);

/// Removes files of messages that are not among `kept`, last written before `until`: what is just being fetched has no
/// record yet. At most `most` of them; true: there may be more. Blocks.
bool remove_message_files(std::filesystem::path const& folder, std::set<MessageId> const& kept,
                          std::filesystem::file_time_type until, std::size_t most);

}  // namespace ar::daemon
