#include "daemon/limits/account_note.hpp"

#include "base/read_json.hpp"
#include "base/unicode.hpp"
#include "daemon/limits/provider_hold.hpp"

namespace ar::daemon {
namespace {

constexpr std::size_t kShown = 300;  ///< of words that another daemon says

std::string words(json const& in, char const* name) { return std::string(cut_utf8(in.value(name, ""), kShown)); }
std::int64_t version(json const& in, char const* name) { return to_millis(time_in(in.at(name))); }

}  // namespace

std::string text_of(AccountNote const& note) {
  json out = {{"holdAt", note.hold_at}, {"refusal", note.refusal}, {"hold", note.hold},
              {"by", note.by},          {"host", note.host},       {"personAt", note.person_at}};
  if (note.person) out["person"] = {{"since", note.person->since}, {"reason", note.person->reason}};
  if (note.probe) out["probe"] = {{"daemon", note.probe->daemon}, {"host", note.probe->host}};
  return to_text(out);
}

std::optional<AccountNote> account_note_from(std::string_view text) {
  return maybe_json(text, [](json const& in) {
    AccountNote note;
    note.hold_at = version(in, "holdAt");
    note.refusal = version(in, "refusal");
    if (auto const hold = in.find("hold"); hold != in.end())
      note.hold = ProviderHold::from_other(*hold, wall_now()).stored();
    note.by = words(in, "by");
    note.host = words(in, "host");
    note.person_at = version(in, "personAt");
    if (auto const person = in.find("person"); person != in.end())
      note.person = {version(*person, "since"), words(*person, "reason")};
    if (auto const probe = in.find("probe"); probe != in.end())
      note.probe = {words(*probe, "daemon"), words(*probe, "host")};
    return note;
  });
}

std::int64_t next_version(std::int64_t before) { return std::max(to_millis(wall_now()), before + 1); }

}  // namespace ar::daemon
