// What may be sent at all: the rules of every bus, checked before anything is stored.
#pragma once
#include "relay/bus.hpp"

#include <array>
#include <string_view>

namespace ar::relay {

inline constexpr std::size_t kMaxKindBytes = 64;
inline constexpr std::size_t kMaxSubjectBytes = 500;
inline constexpr std::size_t kMaxTokenNameBytes = 32;  ///< less than a jti has: no name looks like one
inline constexpr std::size_t kMaxPayloadBytes = 64U << 10;
inline constexpr std::size_t kMaxMetaBytes = 256U << 10;
inline constexpr std::size_t kMaxAttachments = 32;
inline constexpr std::size_t kMaxNoteBytes = 4U << 10;
inline constexpr std::size_t kMostNotes = 1000;
inline constexpr std::size_t kMaxGroups = 64;  ///< tags of one agent, and capabilities
/// No agent's names: they mean people, everybody, or the runner itself.
inline constexpr std::array<std::string_view, 5> kReservedNames{"operator", "system", "broadcast", "all",
                                                                "agent-runner"};

/// Error `too_large` or `invalid_argument` with the field, or nothing. What only a store can know (does the
/// attachment exist?) is not asked here.
Result<void> check_message(NewMessage const& message, BusLimits const& limits);
/// Whoever reads or listens, a person too. Also its label, tags and capabilities: each must be part of a good address.
Result<void> check_identity(Identity const& who);
/// Who is to be on the bus as an agent: by no name that means somebody else.
Result<void> check_agent(Identity const& who);
/// 1 to `most` bytes of such text.
Result<void> check_word(char const* field, std::string_view text, std::size_t most);
/// The compact text of an object of at most `most` bytes; refuses what is not an object or not UTF-8.
Result<std::string> object_text(char const* field, json const& value, std::size_t most);
/// The key is a name, the text UTF-8 of at most kMaxNoteBytes.
Result<void> check_note(std::string_view key, std::string_view text);
Error note_changed(std::string const& key);
Error too_many_notes();
/// From 1 to 1000.
Result<void> check_limit(int limit);
/// Longer than anybody waits for anything, and far from where adding it to a time would overflow.
inline constexpr milliseconds kLongestSpan = std::chrono::hours(24 * 365 * 100);
/// A span that somebody else names, before it is added to any time: from `least` to `most`.
Result<void> check_span(char const* field, milliseconds span, milliseconds least = milliseconds(1),
                        milliseconds most = kLongestSpan);
/// The name to keep: "attachment" where none was given, never a path.
Result<std::string> check_attachment(std::string const& name, std::string const& media_type, std::size_t size,
                                     BusLimits const& limits);
Result<void> check_token_request(std::string const& profile, TokenScope const& scope,
                                 std::optional<milliseconds> lifetime, std::string const& name);
Error token_name_taken(std::string const& name);
/// What the bus tells a sender whose message nobody took in time. Without `kept` it is no dead letter any more, either.
NewMessage expiry_notice(Message const& message, std::vector<std::string> const& unread_by, milliseconds retention,
                         bool kept = true);
/// What the bus tells the sender of work that was taken up so many times and never finished.
NewMessage dead_letter_notice(Message const& message, int deliveries);
/// Of bodies and payloads in one answer of `unread`, and always one message.
inline constexpr std::size_t kContentAtOnce = 8U << 20;
std::size_t content_bytes(Message const& message);
/// SHA-256 of everything a sender says but the key: what makes two sends the same.
std::string canonical_hash(NewMessage const& message);

}  // namespace ar::relay
