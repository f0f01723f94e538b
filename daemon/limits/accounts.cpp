#include "daemon/limits/accounts.hpp"

#include "base/ids.hpp"
#include "daemon/store/journal_row.hpp"
#include "daemon/store/tables/account_table.hpp"
#include "daemon/store/tables/fact_table.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr auto kFirstPatience = 30s;    ///< for the agent that is to have the probe; then anybody may
constexpr auto kProbePatience = 60s;    ///< for it to be at work on it
constexpr auto kLoginLook = 30s;        ///< from one look at a login's file to the next
constexpr auto kApart = 3s;             ///< between two agents that go on, on average
constexpr milliseconds kSpread = 60s;   ///< until the last of them goes on, at most
constexpr auto kWaitingLook = 2s;       ///< whether a message waits that may be tried, once the time has come
constexpr auto kAllowedPatience = 60s;  ///< for an agent that takes the probe; then another daemon may have it
constexpr auto kNever = Clock::time_point::max();

/// Another one whenever the file was written; "-" where it is not there. Any thread.
std::string stamp_of(std::filesystem::path const& file) {
  struct stat about{};
  if (::stat(file.c_str(), &about) != 0) return "-";
  return std::to_string(about.st_ino) + " " + std::to_string(about.st_size) + " " +
         std::to_string(about.st_mtim.tv_sec) + "." + std::to_string(about.st_mtim.tv_nsec);
}

std::string release_command(std::string const& account) { return "agent-runner limits release " + account; }

}  // namespace

Accounts::Accounts(Executor executor, Journal& journal, EventLog& events, WorkerPool& files,
                   std::function<std::int64_t()> margin_s, Random random)
    : journal_(journal),
      events_(events),
      files_(files),
      margin_s_(std::move(margin_s)),
      random_(std::move(random)),
      changed_(executor),
      tasks_(executor, "accounts") {}

awaitable<Result<void>> Accounts::load() {
  struct Stored {
    std::string salt;
    std::vector<std::pair<std::string, std::string>> holds;
  };
  auto query = [](Database& db) -> Result<Stored> {
    return Stored{FactTable(db).get(FactTable::kAccountSalt), AccountTable(db).all()};
  };
  auto stored = co_await journal_.read(std::move(query));
  if (!stored) co_return stored.error();
  salt_ = stored->salt;
  if (salt_.empty()) {
    salt_ = random_hex(16);
    journal_.write([salt = salt_](Database& db) { FactTable(db).put(FactTable::kAccountSalt, salt); });
  }
  for (auto const& [name, record] : stored->holds) {
    auto const read = [](json const& known) {
      Entry entry;
      entry.hold = ProviderHold::from_stored(known.value("hold", json()));
      if (auto const& person = object_at(known, "person"); !person.empty())
        entry.by_person = {person.at("since").get<std::int64_t>(), person.value("reason", "")};
      entry.found_by = known.value("foundBy", "");
      entry.host = known.value("host", "");
      entry.hold_at = known.value("holdAt", std::int64_t{0});
      entry.refusal = known.value("refusal", std::int64_t{0});
      entry.person_at = known.value("personAt", std::int64_t{0});
      entry.login_command = known.value("login", "");
      entry.login_stamp = known.value("loginStamp", "");
      entry.prober = known.value("prober", "");
      entry.probe = known.value("probe", MessageId{0});
      return entry;
    };
    auto entry = read_row(record, "the hold of account " + name, read);
    // One that is over stays until the others have been told, or their word would bring it back.
    if (!entry || (!entry->is_held() && entry->hold_at == 0 && entry->person_at == 0)) continue;
    // Its turn may have gone on while no daemon ran.
    if (!entry->prober.empty()) entry->prober_until = Clock::now() + kProbePatience;
    entries_.emplace(name, std::move(*entry));
  }
  co_return Result<void>();
}

void Accounts::start(TaskGroup::OnDeath on_death) { tasks_.spawn_vital("holds", run(), std::move(on_death)); }

// ---- time ----

awaitable<void> Accounts::run() {
  for (;;) {
    co_await look_at_logins();
    forget_the_unused();
    auto next = kNever;
    for (auto& [name, entry] : entries_) {
      next = std::min(next, look(name, entry));
      if (entry.hold.kind() == Refusal::login) next = std::min(next, next_login_look_);
    }
    co_await changed_.wait(next);
  }
}

/// A login that nobody uses any more, and a limit that is over: whoever comes to it finds out anew.
void Accounts::forget_the_unused() {
  std::erase_if(entries_, [this](auto const& known) {
    auto const& [name, entry] = known;
    if (!entry.members.empty() || entry.by_person || !is_told(name, entry)) return false;
    if (entry.hold.kind() == Refusal::limit && !entry.hold.may_probe()) return false;
    journal_.write([name](Database& db) { AccountTable(db).erase(name); });
    return true;
  });
}

/// Does what is due; says when to look again.
Clock::time_point Accounts::look(std::string const& name, Entry& entry) {
  auto const now = Clock::now();
  auto next = kNever;
  for (auto& [agent, member] : entry.members) {
    if (member.goes_at == Clock::time_point()) continue;
    if (member.goes_at > now) {
      next = std::min(next, member.goes_at);
      continue;
    }
    member.goes_at = {};
    member.who->account_changed();
  }
  if (!entry.hold.is_on()) return next;
  if (!entry.prober.empty()) {
    if (entry.prober_until > now) return std::min(next, entry.prober_until);
    auto const it = entry.members.find(entry.prober);
    if (it != entry.members.end() && it->second.who->is_at_work()) {
      entry.prober_until = now + kProbePatience;
      return std::min(next, entry.prober_until);
    }
    no_probe(entry);  // its agent has gone, or takes nothing: another one has it
    save(name, entry);
  }
  if (!entry.hold.may_probe()) return std::min(next, entry.hold.next_look());
  if (asks_others(entry) && !entry.allowed) {
    if (entry.due_since) {
      no_probe(entry);
      tell(entry);
    }
    if (!std::exchange(entry.asks, wants_probe(name)) && entry.asks) tell_others();
    return std::min(next, now + kWaitingLook);
  }
  if (entry.allowed && entry.due_since && now >= *entry.due_since + kAllowedPatience) {
    no_probe(entry);
    tell(entry);
    tell_others();
    return std::min(next, now + kWaitingLook);
  }
  if (!entry.due_since) {
    entry.due_since = now;
    choose(entry);
    tell(entry);
  } else if (!entry.first.empty() && now >= *entry.due_since + kFirstPatience) {
    entry.first.clear();
    tell(entry);
  }
  if (entry.allowed) next = std::min(next, *entry.due_since + kAllowedPatience);
  return entry.first.empty() ? next : std::min(next, *entry.due_since + kFirstPatience);
}

/// The agent whose message has waited longest.
void Accounts::choose(Entry& entry) {
  entry.first.clear();
  std::optional<WallTime> oldest;
  for (auto const& [agent, member] : entry.members) {
    auto const since = member.who->waits_since();
    if (!since || (oldest && *oldest <= *since)) continue;
    oldest = since;
    entry.first = agent;
  }
}

awaitable<void> Accounts::look_at_logins() {
  if (Clock::now() < next_login_look_) co_return;
  std::vector<std::pair<std::string, std::filesystem::path>> files;
  for (auto const& [name, entry] : entries_)
    if (entry.hold.kind() == Refusal::login && !entry.login_file.empty()) files.emplace_back(name, entry.login_file);
  next_login_look_ = Clock::now() + kLoginLook;
  if (files.empty()) co_return;
  auto job = [files]() -> std::vector<std::string> {
    std::vector<std::string> stamps;
    for (auto const& [name, file] : files) stamps.push_back(stamp_of(file));
    return stamps;
  };
  auto const stamps = co_await files_.run(std::move(job));
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto const it = entries_.find(files[i].first);
    if (it == entries_.end() || it->second.hold.kind() != Refusal::login) continue;
    auto& entry = it->second;
    auto const before = std::exchange(entry.login_stamp, stamps[i]);
    if (before == stamps[i]) continue;
    bool const logged_in = !before.empty();
    if (logged_in) {
      spdlog::info("account {}: somebody has logged in", it->first);
      entry.hold.probe_now();
    }
    save(it->first, entry);
    // Each may leave for another account with that.
    std::vector<AccountMember*> members;
    for (auto const& [agent, member] : entry.members) members.push_back(member.who);
    if (logged_in)
      for (auto* const member : members) member->login_changed();
  }
}

// ---- agents ----

std::shared_ptr<void> Accounts::join(adapters::Account const& account, std::string const& agent, AccountMember& member,
                                     std::string const& before) {
  auto& entry = entries_[account.name];
  know(account);
  if (auto const told = told_.find(account.name); told != told_.end()) adopt(account.name, entry, told->second);
  entry.members[agent].who = &member;
  auto const old = before == account.name ? entries_.end() : entries_.find(before);
  // Where others use the new one already, they show whether it works.
  bool const is_alone = entry.members.size() == 1;
  if (old != entries_.end() && old->second.hold.kind() == Refusal::login && !entry.hold.is_on() && is_alone) {
    entry.hold = old->second.hold;
    entry.hold.probe_now();
    entry.found_by = old->second.found_by;
    save(account.name, entry);
    tell(entry);
  }
  changed_.notify_all();
  return std::shared_ptr<void>(&member, [this, name = account.name, agent, who = &member](void*) {
    auto const it = entries_.find(name);
    if (it == entries_.end()) return;
    // A new agent of that name may have joined meanwhile.
    auto const place = it->second.members.find(agent);
    if (place == it->second.members.end() || place->second.who != who) return;
    it->second.members.erase(place);
    changed_.notify_all();
  });
}

void Accounts::know(adapters::Account const& account) {
  auto const it = entries_.find(account.name);
  if (it == entries_.end()) return;
  if (!account.login_file.empty()) it->second.login_file = account.login_file;
  if (!account.login_command.empty()) it->second.login_command = account.login_command;
}

std::string Accounts::why_held(std::string const& account, std::string const& agent, bool turn_runs) const {
  auto const it = entries_.find(account);
  if (it == entries_.end()) return {};
  auto const& entry = it->second;
  if (entry.by_person)
    return "its account " + account + " is held" +
           (entry.by_person->reason.empty() ? "" : " (" + entry.by_person->reason + ")") + "; `" +
           release_command(account) + "` lets it go on";
  if (!entry.hold.is_on()) {
    auto const member = entry.members.find(agent);
    bool const waits = member != entry.members.end() && member->second.goes_at > Clock::now();
    return waits ? "its account " + account + " takes work again; its agents go on one after the other" : "";
  }
  bool const due = entry.due_since && (entry.first.empty() || entry.first == agent);
  bool const probes = entry.prober.empty() ? due : entry.prober == agent;
  if (probes && !turn_runs && entry.hold.may_probe()) return {};
  return entry.hold.reason(release_command(account)) + "; account " + account;
}

void Accounts::handing(std::string const& account, std::string const& agent, MessageId message) {
  auto const it = entries_.find(account);
  if (it == entries_.end() || !it->second.hold.is_on()) return;
  auto& entry = it->second;
  if (entry.prober == agent && entry.probe == message) return;
  bool const allowed = entry.allowed;
  no_probe(entry);
  entry.allowed = allowed;
  entry.prober = agent;
  entry.probe = message;
  entry.prober_until = Clock::now() + kProbePatience;
  save(account, entry);
  events_.append("", "limit.probing", {{"account", account}, {"agent", agent}, {"message", message}});
  tell(entry);
}

void Accounts::refused(std::string const& account, std::string const& agent, Refusal refusal,
                       adapters::TurnEnded const& end, WallTime began) {
  auto& entry = entries_[account];
  auto const before = entry.hold.kind();
  // A turn that began before is no second try; but it may say when the limit ends.
  if (before == refusal && began < entry.hold.refused_at() && (!end.resets_at || entry.hold.knows_end())) return;
  entry.hold.refuse(refusal, end, random_(), std::chrono::seconds(margin_s_()));
  entry.found_by = agent;
  entry.host.clear();
  if (refusal == Refusal::limit) entry.refusal = entry.hold_at = next_version(entry.hold_at);
  if (before != refusal) entry.login_stamp.clear();
  no_probe(entry);
  for (auto& [name, member] : entry.members) member.goes_at = {};
  next_login_look_ = {};
  save(account, entry);
  spdlog::warn("account {}: {}", account, entry.hold.reason(release_command(account)));
  if (refusal != Refusal::login || before != refusal) {  // that it is still not logged in is no news
    auto told = entry.hold.shown();
    told["account"] = account;
    told["agent"] = agent;
    if (refusal == Refusal::login && !entry.login_command.empty()) told["login"] = entry.login_command;
    events_.append("", "limit.reached", std::move(told));
  }
  tell(entry);
}

void Accounts::worked(std::string const& account, std::string const& agent, WallTime began) {
  auto const it = entries_.find(account);
  if (it == entries_.end() || !it->second.hold.is_on() || began < it->second.hold.refused_at()) return;
  auto& entry = it->second;
  if (!entry.by_person) return lift(account, entry, agent);
  takes_work(account, entry, agent);
  save(account, entry);
  tell(entry);
}

json Accounts::hold_of(std::string const& account) const {
  auto const it = entries_.find(account);
  return it == entries_.end() ? json() : hold_in(it->second);
}

json Accounts::hold_in(Entry const& entry) {
  if (!entry.by_person) return entry.hold.shown();
  return {{"kind", "person"},
          {"error", entry.by_person->reason},
          {"since", to_iso8601(from_millis(entry.by_person->since))},
          {"until", nullptr},
          {"resetsAt", nullptr}};
}

/// Nobody has been given one, and nobody is to be before the hold's time is over.
void Accounts::no_probe(Entry& entry) {
  entry.prober.clear();
  entry.probe = 0;
  entry.due_since.reset();
  entry.first.clear();
  entry.asks = entry.allowed = false;
}

/// As far as the model goes; a person may hold it all the same.
void Accounts::takes_work(std::string const& name, Entry& entry, std::string const& by) {
  // That a login works says nothing of a limit which the others have met meanwhile.
  auto const told = told_.find(name);
  bool const knows_less =
      entry.hold.kind() == Refusal::login && told != told_.end() && told->second.hold_at > entry.hold_at;
  if (!knows_less) entry.hold_at = next_version(entry.hold_at);
  entry.lifted_by = by;
  entry.host.clear();
  entry.hold.lift();
  entry.found_by.clear();
  entry.login_stamp.clear();
  no_probe(entry);
}

/// `by`: the agent whose turn got through, or the operator.
void Accounts::lift(std::string const& name, Entry& entry, std::string const& by) {
  takes_work(name, entry, by);
  if (entry.by_person) entry.person_at = next_version(entry.person_at);
  entry.by_person.reset();
  spread(entry, by);
  save(name, entry);
  spdlog::info("account {}: takes work again ({})", name, by);
  events_.append("", "limit.lifted", {{"account", name}, {"by", by}});
  tell(entry);
}

/// They go on one after the other; `first` goes at once.
void Accounts::spread(Entry& entry, std::string const& first) {
  auto const now = Clock::now();
  auto const others = static_cast<int>(entry.members.size()) - static_cast<int>(entry.members.contains(first));
  auto const spread = std::clamp<milliseconds>(kApart * others, 0ms, kSpread);
  for (auto& [agent, member] : entry.members)
    if (agent != first)
      member.goes_at = now + milliseconds(static_cast<std::int64_t>(random_() * static_cast<double>(spread.count())));
}

void Accounts::tell(Entry& entry) {
  for (auto const& [agent, member] : entry.members) member.who->account_changed();
  changed_.notify_all();
}

void Accounts::save(std::string const& name, Entry const& entry) {
  tell_others();
  if (!entry.is_held() && is_told(name, entry))
    return journal_.write([name](Database& db) { AccountTable(db).erase(name); });
  json record = {
      {"hold", entry.hold.stored()},
      {"foundBy", entry.found_by},
      {"host", entry.host},
      {"holdAt", entry.hold_at},
      {"refusal", entry.refusal},
      {"personAt", entry.person_at},
      {"login", entry.login_command},
      {"loginStamp", entry.login_stamp},
      {"prober", entry.prober},
      {"probe", entry.probe},
      {"person",
       entry.by_person ? json{{"since", entry.by_person->since}, {"reason", entry.by_person->reason}} : json()}};
  journal_.write([name, text = to_text(record)](Database& db) { AccountTable(db).put(name, text); });
}

// ---- the other daemons of the bus ----

void Accounts::tell_others() const {
  if (shared_listener_) shared_listener_();
}

void Accounts::ask_others(bool whether) {
  if (std::exchange(others_, whether) != whether) changed_.notify_all();
}

/// A login is a file of this machine, and nobody else's.
bool Accounts::asks_others(Entry const& entry) const { return others_ && entry.hold.kind() == Refusal::limit; }

bool Accounts::is_told(std::string const& name, Entry const& entry) const {
  auto const told = told_.find(name);
  if (!others_ || told == told_.end()) return !others_ || !entry.is_held() || entry.hold.kind() == Refusal::login;
  return told->second.hold_at >= entry.hold_at && told->second.person_at >= entry.person_at;
}

bool Accounts::wants_probe(std::string const& account) const {
  auto const it = entries_.find(account);
  if (it == entries_.end()) return false;
  auto const& entry = it->second;
  if (!asks_others(entry) || entry.allowed || !entry.prober.empty() || entry.by_person) return false;
  auto const has_message = [](auto const& member) { return member.second.who->has_message(); };
  return entry.hold.may_probe() && std::ranges::any_of(entry.members, has_message);
}

void Accounts::may_probe(std::string const& account) {
  if (!wants_probe(account)) return;
  entries_.find(account)->second.allowed = true;
  changed_.notify_all();
}

bool Accounts::is_probing(std::string const& account) const {
  auto const it = entries_.find(account);
  if (it == entries_.end() || it->second.hold.kind() != Refusal::limit) return false;
  return it->second.allowed || !it->second.prober.empty();
}

std::map<std::string, AccountNote> Accounts::known() const {
  std::map<std::string, AccountNote> all;
  for (auto const& [name, entry] : entries_) {
    AccountNote note;
    auto const told = told_.find(name);
    if (entry.hold.kind() != Refusal::login) {
      note.hold_at = entry.hold_at;
      note.refusal = entry.refusal;
      note.hold = entry.hold.stored();
      note.by = entry.hold.is_on() ? entry.found_by : entry.lifted_by;
      note.host = entry.host;
    } else if (told != told_.end()) {
      note = told->second;
      note.probe.reset();
    }
    note.person_at = entry.person_at;
    note.person = entry.by_person;
    all.emplace(name, std::move(note));
  }
  return all;
}

void Accounts::learn(std::map<std::string, AccountNote> told) {
  told_ = std::move(told);
  for (auto const& [name, note] : told_)
    if (auto const it = entries_.find(name); it != entries_.end()) adopt(name, it->second, note);
}

Accounts::Entry Accounts::entry_of(AccountNote const& told) {
  Entry entry;
  entry.hold_at = told.hold_at;
  entry.refusal = told.refusal;
  entry.hold = ProviderHold::from_other(told.hold, wall_now());
  (entry.hold.is_on() ? entry.found_by : entry.lifted_by) = told.by;
  entry.host = told.host;
  entry.person_at = told.person_at;
  entry.by_person = told.person;
  return entry;
}

/// Takes over what is newer there.
void Accounts::adopt(std::string const& name, Entry& entry, AccountNote const& told) {
  bool const was_held = entry.is_held();
  bool const newer_person = told.person_at > entry.person_at;
  bool const newer_hold = told.hold_at > entry.hold_at && entry.hold.kind() != Refusal::login;
  if (!newer_person && !newer_hold) return;
  auto const there = entry_of(told);
  bool news = newer_person && there.by_person;
  if (newer_person) {
    entry.person_at = there.person_at;
    entry.by_person = there.by_person;
    entry.host = there.host;
  }
  if (newer_hold) {
    bool const same = entry.hold.is_on() && there.hold.is_on() && there.refusal == entry.refusal;
    // What is under way here has begun after the same refusal, and shows something.
    entry.hold = same ? ProviderHold::from_other(told.hold, entry.hold.refused_at()) : there.hold;
    if (!same || entry.prober.empty()) no_probe(entry);
    entry.hold_at = there.hold_at;
    entry.refusal = there.refusal;
    entry.found_by = there.found_by;
    entry.lifted_by = there.lifted_by;
    entry.host = there.host;
    news = news || (there.hold.is_on() && !same);
  }
  if (entry.is_held()) {
    for (auto& [agent, member] : entry.members) member.goes_at = {};
  } else if (was_held) {
    spread(entry, "");
  }
  save(name, entry);
  if (news) {
    auto shown = hold_of(name);
    shown["account"] = name;
    if (entry.hold.is_on()) shown["agent"] = entry.found_by;
    shown["host"] = entry.host;
    spdlog::warn("account {}: held by what {} has found out", name, entry.host);
    events_.append("", "limit.learned", std::move(shown));
  } else if (was_held && !entry.is_held()) {
    spdlog::info("account {}: takes work again ({} on {})", name, entry.lifted_by, entry.host);
    events_.append("", "limit.lifted", {{"account", name}, {"by", entry.lifted_by}, {"host", entry.host}});
  }
  tell(entry);
}

// ---- people ----

json Accounts::shown(std::string const& name, Entry const& entry) const {
  json shown = {{"account", name}, {"provider", name.substr(0, name.rfind('-'))}, {"agents", json::array()}};
  for (auto const& [agent, member] : entry.members) shown["agents"].push_back(agent);
  shown["hold"] = hold_in(entry);
  if (entry.hold.is_on()) {
    shown["foundBy"] = entry.found_by;
    if (entry.hold.kind() == Refusal::login && !entry.login_command.empty()) shown["login"] = entry.login_command;
    auto const told = told_.find(name);
    if (!entry.prober.empty())
      shown["probe"] = {{"agent", entry.prober}, {"message", entry.probe}};
    else if (told != told_.end() && told->second.probe)
      shown["probe"] = {{"host", told->second.probe->host}};
  }
  if (!entry.host.empty() && entry.is_held()) shown["host"] = entry.host;
  return shown;
}

json Accounts::list() const {
  json limits = json::array();
  for (auto const& [name, entry] : entries_) limits.push_back(shown(name, entry));
  for (auto const& [name, told] : told_)
    if (!entries_.contains(name) && told.is_held()) limits.push_back(shown(name, entry_of(told)));
  return {{"limits", std::move(limits)}};
}

Result<Accounts::Found> Accounts::find(std::string const& name) {
  auto it = entries_.find(name);
  // One of agents of other daemons only: what is said of it here reaches them.
  if (auto const told = told_.find(name); it == entries_.end() && told != told_.end() && told->second.is_held())
    it = entries_.emplace(name, entry_of(told->second)).first;
  if (it == entries_.end())
    return not_found("no_such_account",
                     "no agent uses an account of this name, and none is held; `agent-runner limits` lists them");
  return it;
}

awaitable<Result<json>> Accounts::saved(std::string name) {
  auto const safe = co_await journal_.committed();
  if (!safe) co_return safe.error();
  auto const it = entries_.find(name);
  co_return ok(it == entries_.end() ? shown(name, {}) : shown(name, it->second));
}

awaitable<Result<json>> Accounts::release(std::string name) {
  auto const found = find(name);
  if (!found) co_return found.error();
  auto& entry = (*found)->second;
  if (entry.by_person && !entry.hold.is_on()) {
    lift(name, entry, "operator");
  } else {
    if (entry.by_person) entry.person_at = next_version(entry.person_at);
    entry.by_person.reset();
    probe_now(name);
  }
  co_return co_await saved(std::move(name));
}

void Accounts::probe_now(std::string const& account) {
  auto const it = entries_.find(account);
  if (it == entries_.end() || !it->second.hold.is_on()) return;
  it->second.hold.probe_now();
  if (it->second.hold.kind() == Refusal::limit) it->second.hold_at = next_version(it->second.hold_at);
  if (it->second.prober.empty()) no_probe(it->second);
  save(account, it->second);
  tell(it->second);
}

awaitable<Result<json>> Accounts::hold(std::string name, std::string reason) {
  auto const found = find(name);
  if (!found) co_return found.error();
  auto& entry = (*found)->second;
  entry.by_person = {to_millis(wall_now()), std::move(reason)};
  entry.person_at = next_version(entry.person_at);
  entry.host.clear();
  save(name, entry);
  auto told = hold_of(name);
  told["account"] = name;
  events_.append("", "limit.reached", std::move(told));
  tell(entry);
  co_return co_await saved(std::move(name));
}

awaitable<Result<json>> Accounts::forget(std::string name) {
  auto const found = find(name);
  if (!found) co_return found.error();
  auto& entry = (*found)->second;
  if (entry.is_held()) lift(name, entry, "operator");
  if (entry.members.empty() && is_told(name, entry)) entries_.erase(*found);
  co_return co_await saved(std::move(name));
}

}  // namespace ar::daemon
