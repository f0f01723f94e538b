#include "daemon/limits/account_notes.hpp"

#include "base/ids.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace ar::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kStart = "account.";
/// A relay that keeps no notes may be another one by then.
constexpr auto kNoNotes = 5min;
constexpr int kConflicts = 10;  ///< then it is left for a while

}  // namespace

AccountNotes::AccountNotes(Executor executor, Accounts& accounts, relay::Bus& bus, std::string host)
    : AccountNotes(std::move(executor), accounts, bus, std::move(host), Times()) {}

// The id stays over a restart, so that a probe that runs on is still ours; a copy of the state on another machine is
// another daemon.
AccountNotes::AccountNotes(Executor executor, Accounts& accounts, relay::Bus& bus, std::string host, Times times)
    : accounts_(accounts),
      bus_(bus),
      id_(sha256_hex("daemon " + accounts.salt() + " " + host).substr(0, 16)),
      host_(std::move(host)),
      times_(times),
      changed_(executor),
      tasks_(executor, "account notes") {}

void AccountNotes::start(TaskGroup::OnDeath on_death) {
  auto const again = [this] {
    due_ = true;
    changed_.notify_all();
  };
  accounts_.ask_others(true);  // until the first look has shown whether it can be done
  accounts_.watch(again);
  watch_ = bus_.watch_notes(again);
  tasks_.spawn_vital("notes", run(), std::move(on_death));
}

awaitable<void> AccountNotes::stop() {
  watch_.reset();
  accounts_.watch({});
  co_await tasks_.stop();
}

awaitable<void> AccountNotes::run() {
  auto next = Clock::time_point::min();
  for (;;) {
    while (!due_ && Clock::now() < next) (void)co_await changed_.wait(next);
    due_ = false;
    next = co_await look();
  }
}

void AccountNotes::take(std::vector<relay::Note> const& notes) {
  std::set<std::string> there;
  for (auto const& [key, text, revision] : notes) {
    if (!key.starts_with(kStart)) continue;
    auto const name = key.substr(kStart.size());
    auto const known = known_.find(name);
    if (known != known_.end() && known->second.revision == revision) {
      there.insert(name);
      continue;
    }
    auto note = account_note_from(text);
    if (!note) {
      spdlog::warn("the note of account {} on the bus cannot be read, and counts as one that says nothing", name);
      note.emplace();
    }
    known_[name] = {std::move(*note), revision, Clock::now()};
    there.insert(name);
  }
  std::erase_if(known_, [&](auto const& known) { return !there.contains(known.first); });
}

bool AccountNotes::is_others(Known const& known, Clock::time_point now) const {
  return known.note.probe && !is_ours(known.note) && now < known.seen_at + times_.lease;
}

std::map<std::string, AccountNote> AccountNotes::told() const {
  std::map<std::string, AccountNote> all;
  for (auto const& [name, known] : known_) {
    all[name] = known.note;
    if (!is_others(known, Clock::now())) all[name].probe.reset();
  }
  return all;
}

Clock::time_point AccountNotes::give_up(Error const& error) {
  accounts_.ask_others(false);
  bool const transient = is_transient(error);
  if (failures_.should_log("notes", error.code))
    spdlog::info("this daemon keeps its accounts by itself, the bus {}: {}",
                 transient ? "is away" : "keeps no notes for it", error.message);
  return Clock::now() + (transient ? Clock::duration(times_.retry) : Clock::duration(kNoNotes));
}

/// Brings in what the others tell, and tells them what is new here. Says when to look again.
awaitable<Clock::time_point> AccountNotes::look() {
  auto const notes = co_await bus_.notes();
  if (!notes) co_return give_up(notes.error());
  take(*notes);
  accounts_.ask_others(true);
  accounts_.learn(told());
  if (failures_.recovered("notes")) spdlog::info("the bus has the notes of the accounts again");
  auto next = Clock::now() + times_.look;
  auto const here = accounts_.known();
  for (auto const& [name, ours] : here) {
    auto const now = Clock::now();
    auto const found = known_.find(name);
    Known const known = found == known_.end() ? Known() : found->second;
    AccountNote note = ours;
    if (note.host.empty()) note.host = host_;
    bool const changed = known.revision == 0 ? note.is_held() : note.is_newer_than(known.note);

    bool const probing = accounts_.is_probing(name), wanted = accounts_.wants_probe(name);
    bool const had = is_ours(known.note), others = is_others(known, now);
    // Given back, since its agent took nothing or its turn is over: another daemon may have it first.
    if (probing)
      probing_.insert(name);
    else if (probing_.erase(name) > 0)
      given_back_[name] = now + times_.retry;
    auto const pause = given_back_.find(name);
    bool const pauses = pause != given_back_.end() && now < pause->second;
    bool const takes = !others && (probing || (wanted && !pauses));
    if (takes)
      note.probe = {id_, host_};
    else if (others)
      note.probe = known.note.probe;
    if (others && (wanted || probing)) next = std::min(next, known.seen_at + times_.lease);
    if (wanted && pauses) next = std::min(next, pause->second);
    auto const repeat_at = known.seen_at + times_.lease / 3;
    bool const repeats = takes && had && now >= repeat_at;
    if (!changed && takes == had && !repeats) {
      if (takes) {
        next = std::min(next, repeat_at);
        accounts_.may_probe(name);  // it is ours already
      }
      continue;
    }
    if (!takes && !changed && known.revision == 0) continue;
    auto const put = co_await bus_.put_note(std::string(kStart) + name, text_of(note), known.revision);
    if (!put && put.error().code == "note_changed") {
      // What the others say now comes first.
      if (++conflicts_ < kConflicts)
        due_ = true;
      else
        next = std::min(next, Clock::now() + times_.retry);
      continue;
    }
    if (!put) co_return give_up(put.error());
    conflicts_ = 0;
    known_[name] = {note, put->revision, Clock::now()};
    if (takes) {
      accounts_.may_probe(name);
      next = std::min(next, Clock::now() + times_.lease / 3);
    }
  }
  std::erase_if(given_back_, [](auto const& one) { return one.second <= Clock::now(); });
  co_return next;
}

}  // namespace ar::daemon
