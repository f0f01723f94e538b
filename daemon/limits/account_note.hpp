// What the daemons of a bus tell each other of one account (docs/limits.md): a note on the bus, the same for all.
//
// It has two parts, what the model has said and what a person has said, each with a version. Where two are merged, the
// higher version of each part stays. A version is the time of the change, or one more than the one before if that is
// later: changes that saw each other are in order whatever the clocks say, and only of two that did not see each other
// the clocks decide. A later form may only add fields: they are passed over here.
#pragma once
#include "base/json.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ar::daemon {

struct AccountNote {
  std::int64_t hold_at = 0;  ///< version of what the model has said
  std::int64_t refusal = 0;  ///< which version was the refusal; a release makes a new version of the same one
  json hold = nullptr;       ///< ProviderHold::stored(); null: it takes work
  std::string by{};          ///< the agent whose turn was refused, or got through; or operator
  std::string host{};        ///< where that was

  std::int64_t person_at = 0;  ///< version of what a person has said
  struct Person {
    std::int64_t since = 0;  ///< milliseconds since 1970
    std::string reason{};
  };
  std::optional<Person> person{};  ///< nothing: no person holds it

  struct Probe {
    std::string daemon{};  ///< its id
    std::string host{};
    bool operator==(Probe const&) const = default;
  };
  std::optional<Probe> probe{};  ///< who may try a message; nothing: whoever takes it

  bool is_held() const { return !hold.is_null() || person; }
  bool is_newer_than(AccountNote const& other) const { return hold_at > other.hold_at || person_at > other.person_at; }
};

std::string text_of(AccountNote const& note);
/// Nothing: it is none, or none of this form.
std::optional<AccountNote> account_note_from(std::string_view text);
/// The next version after `before`, made now.
std::int64_t next_version(std::int64_t before);

}  // namespace ar::daemon
