// What only the embedded bus has: its files, its disk, its two clocks.
#include "base/ids.hpp"
#include "base/paths.hpp"
#include "base/sqlite.hpp"
#include "relay/contract/contract.hpp"
#include "relay/embedded/attachments.hpp"
#include "relay/embedded/claims.hpp"
#include "relay/embedded/commands.hpp"
#include "relay/embedded/embedded_bus.hpp"
#include "relay/embedded/presence.hpp"
#include "relay/embedded/retention.hpp"
#include "relay/embedded/schema.hpp"
#include "relay/embedded/tasks.hpp"
#include "relay/embedded/tokens.hpp"
#include "relay/first_token.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>
#include <sstream>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace ar;
using namespace ar::relay;
using ar::relay::test::agent;
using ar::relay::test::message_to;
using ar::relay::test::work_for;
using ar::test::TempDir;
using std::chrono::hours;
using std::chrono::minutes;
namespace fs = std::filesystem;

namespace {

/// The plain functions on a database, without a bus around them.
struct Store {
  TempDir temp;
  std::unique_ptr<Database> database;
  BusLimits limits;
  embedded::Moment now{from_millis(1'700'000'000'000), from_millis(1'700'000'000'000)};
  embedded::Changes changes;

  Store() {
    auto opened = Database::open(temp.path() / "relay.db", embedded::migrations(), true);
    REQUIRE(opened.has_value());
    database = std::move(*opened);
  }
  Database& db() { return *database; }
  fs::path folder() { return temp.path() / "attachments"; }
  MessageId send(NewMessage const& message) {
    auto const sent = embedded::send(db(), limits, now, message, changes);
    REQUIRE(sent.has_value());
    return sent->message.id;
  }
  std::int64_t pages() {
    auto& ask = db().prepare("PRAGMA page_count");
    REQUIRE(ask.bind().step());
    auto const count = ask.integer(0);
    ask.reset();
    return count;
  }
};

std::string content_of(fs::path const& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}
mode_t mode_of(fs::path const& file) {
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  return info.st_mode & 0777;
}

/// A bus on real time, stopped at the end.
struct LiveBus {
  TempDir temp;
  net::io_context io;
  std::unique_ptr<EmbeddedBus> bus;
  fs::path file = temp.path() / "relay" / "relay.db";

  explicit LiveBus(BusLimits limits = {}) {
    auto opened = EmbeddedBus::open(io.get_executor(), file, limits);
    REQUIRE(opened.has_value());
    bus = std::move(*opened);
  }
  ~LiveBus() { close(); }
  void close() {
    if (!bus) return;
    ar::test::run(io, [this] { return bus->stop(); });
    bus.reset();
  }
};

/// While it lives, no file of this process grows beyond `bytes`: a disk on which nothing more can be written.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    rlimit const limit{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(FileSizeLimit const&) = delete;
  FileSizeLimit& operator=(FileSizeLimit const&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = std::signal(SIGXFSZ, SIG_IGN);
};

}  // namespace

TEST_CASE("ADamagedRowCostsItselfAndNoMore") {
  Store store;
  auto& db = store.db();
  std::vector<std::string> const damages{"", "{", "7", "[7]", R"({"x":1e400})", std::string(100'000, '[')};
  Presence worker;
  worker.identity = {"worker", "", {"t"}, {"c"}};
  worker.instance_id = "i";
  worker.status = "idle";
  Task task;
  task.id = 3;
  task.set_by = "worker";
  for (auto const& damage : damages) {
    CAPTURE(damage.substr(0, 20));
    REQUIRE(embedded::register_agent(db, store.now, worker).has_value());
    auto const issued = embedded::issue_token(db, store.now, "provider-agent", {{"worker"}, {"read"}}, std::nullopt);
    REQUIRE(issued.has_value());
    auto const hurt = store.send(message_to("worker", "hurt"));
    auto whole = message_to("worker", "whole");
    whole.payload["taskId"] = 3;
    auto const other = store.send(whole);
    REQUIRE(embedded::set_task(db, store.limits, store.now, task).has_value());
    auto const command = embedded::send_command(db, store.now, "agent.shutdown", "worker", {{"soft", true}},
                                                std::nullopt, store.changes);
    auto const later =
        embedded::send_command(db, store.now, "x", "worker", json::object(), std::nullopt, store.changes);

    db.prepare("UPDATE messages SET payload = ?2 WHERE id = ?1").bind(hurt, damage).run();
    db.prepare("UPDATE agents SET tags = ?1, meta = ?1").bind(damage).run();
    db.prepare("UPDATE tokens SET agent_ids = ?2 WHERE jti = ?1").bind(issued->info.jti, damage).run();
    db.prepare("UPDATE tasks SET metadata = ?1").bind(damage).run();
    db.prepare("UPDATE commands SET params = ?2 WHERE id = ?1").bind(command->id, damage).run();
    db.prepare("UPDATE command_steps SET detail = ?1").bind(damage).run();

    auto const unread = embedded::unread(db, store.now, worker.identity, 1000, hurt - 1);
    REQUIRE(unread->size() == 2);
    CHECK(unread->front().body == "hurt");
    CHECK(unread->back().task_id() == 3);
    CHECK(embedded::names_task(db, {"worker"}, {"worker"}, 3));
    CHECK(embedded::agents(db, store.now)->empty());
    CHECK(embedded::heartbeat(db, store.now, "worker", json::object()).has_value());
    // What it was for is lost, so it is good for nothing, and not for everything.
    CHECK(embedded::check_token(db, store.now, issued->token).error().kind == ErrorKind::unauthorized);
    CHECK(embedded::task(db, 3)->metadata.empty());
    CHECK_FALSE(embedded::command(db, command->id).has_value());
    auto const open = embedded::commands_for(db, {"worker"});
    REQUIRE(open.has_value());
    CHECK(std::ranges::count(*open, later->id, &Command::id) == 1);
    CHECK(std::ranges::count(*open, command->id, &Command::id) == 0);
    CHECK(embedded::message(db, other)->body == "whole");
  }
}

TEST_CASE("FullDiskRefusesASendAndLeavesNothingOfIt") {
  Store s;
  s.send(message_to("worker", "before"));
  s.db().execute("PRAGMA max_page_count=" + std::to_string(s.pages() + 2));
  auto big = message_to("worker", std::string(100'000, 'x'));
  big.idempotency_key = "k";
  auto const refused = guarded([&] { return embedded::send(s.db(), s.limits, s.now, big, s.changes); });
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::unavailable);
  CHECK(refused.error().code == "disk_full");
  CHECK(s.changes.messages.size() == 1);

  // With room again the same send works, as the first of its key.
  s.db().execute("PRAGMA max_page_count=1000000");
  auto const sent = embedded::send(s.db(), s.limits, s.now, big, s.changes);
  REQUIRE(sent.has_value());
  CHECK_FALSE(sent->repeated);
  auto const unread = embedded::unread(s.db(), s.now, agent("worker"), 10, 0);
  REQUIRE(unread.has_value());
  CHECK(unread->size() == 2);
}

TEST_CASE("StorageThatRefusesIsInTheStatusUntilItTakesSomethingAgain") {
  LiveBus live;
  auto const storage = [&] {
    json shown;
    ar::test::run(live.io, [&]() -> awaitable<void> { shown = co_await live.bus->status(); });
    CHECK(shown.at("transport") == "connected");
    return shown.value("storage", json());
  };
  auto const send = [&] {
    std::optional<Error> refused;
    ar::test::run(live.io, [&]() -> awaitable<void> {
      auto const sent = co_await live.bus->send(message_to("worker", std::string(900'000, 'x')));
      if (!sent) refused = sent.error();
    });
    return refused;
  };
  CHECK_FALSE(send().has_value());
  CHECK(storage().is_null());
  {
    FileSizeLimit const limit(1U << 20);
    auto const refused = send();
    REQUIRE(refused.has_value());
    CHECK(refused->kind == ErrorKind::unavailable);
    auto const fault = storage();
    REQUIRE(fault.is_object());
    CHECK(fault.at("error").at("code") == refused->code);
    CHECK(fault.at("error").at("message") == refused->message);
    CHECK(from_iso8601(fault.at("at").get<std::string>()).has_value());
    // What only reads says nothing about it.
    ar::test::run(live.io, [&]() -> awaitable<void> { CHECK((co_await live.bus->agents()).has_value()); });
    CHECK(storage().is_object());
  }
  CHECK_FALSE(send().has_value());
  CHECK(storage().is_null());
}

TEST_CASE("CallsThatShareACommitSucceedAndFailEachByItself") {
  LiveBus live;
  constexpr int kCalls = 8;
  int good = 0, conflicts = 0, full = 0;
  auto const send = [&](int number) -> awaitable<void> {
    bool const big = number == 3, repeats = number == 1 || number == 5;
    auto message = message_to("worker", big ? std::string(900'000, 'x') : "body " + std::to_string(number));
    if (repeats) message.idempotency_key = "the same of all";
    auto const sent = co_await live.bus->send(std::move(message));
    if (sent)
      ++good;
    else if (sent.error().code == "idempotency_conflict")
      ++conflicts;
    else if (sent.error().kind == ErrorKind::unavailable)
      ++full;
  };
  {
    FileSizeLimit const limit(512U << 10);
    TaskGroup calls(live.io.get_executor(), "calls");
    for (int i = 0; i < kCalls; ++i) calls.spawn("send", send(i));
    ar::test::run(live.io, [&]() -> awaitable<void> {
      while (calls.size() > 0) co_await net::post(live.io, net::use_awaitable);
    });
  }
  CHECK(full == 1);
  CHECK(conflicts == 1);
  CHECK(good == kCalls - 2);
  std::size_t unread = 0;
  ar::test::run(live.io, [&]() -> awaitable<void> {
    auto const found = co_await live.bus->unread(agent("worker"), 1000);
    unread = found ? found->size() : 0;
  });
  CHECK(unread == kCalls - 2);
}

TEST_CASE("FullDiskRefusesAnAttachmentAndLeavesNoFile") {
  Store s;
  auto const put = [&](std::string const& name) {
    return guarded(
        [&] { return embedded::put_attachment(s.db(), s.folder(), s.limits, s.now, name, "", "bytes of " + name); });
  };
  s.db().execute("PRAGMA max_page_count=" + std::to_string(s.pages()));
  std::optional<Error> refused;
  std::size_t stored = 0;
  while (!refused && stored < 1000) {
    auto const result = put("file " + std::to_string(stored));
    if (result)
      ++stored;
    else
      refused = result.error();
  }
  REQUIRE(refused.has_value());
  CHECK(refused->code == "disk_full");
  std::size_t files = 0;
  for (auto const& entry : fs::directory_iterator(s.folder())) files += entry.is_regular_file() ? 1 : 0;
  CHECK(files == stored);
}

TEST_CASE("SystemClockSetAheadTakesNoLeaseAway") {
  Store s;
  auto const id = s.send(work_for("worker"));
  auto const claim = embedded::claim(s.db(), s.limits, s.now, id, "worker");
  REQUIRE(claim.has_value());
  Presence presence;
  presence.identity = agent("worker");
  presence.instance_id = "i";
  presence.status = "idle";
  REQUIRE(embedded::register_agent(s.db(), s.now, presence).has_value());
  s.now.wall += hours(1);
  s.now.steady += minutes(1);
  embedded::do_what_is_due(s.db(), s.limits, s.now, s.changes);
  CHECK(embedded::renew(s.db(), s.limits, s.now, id, claim->token).has_value());
  auto const agents = embedded::agents(s.db(), s.now);
  REQUIRE(agents.has_value());
  CHECK_FALSE(agents->at(0).stale);
}

TEST_CASE("SystemClockSetBackWhileClosedDoesNotLengthenALease") {
  Store s;
  auto const id = s.send(work_for("worker"));
  REQUIRE(embedded::claim(s.db(), s.limits, s.now, id, "worker").has_value());
  s.now.wall -= hours(5);
  s.now.steady -= hours(5);
  embedded::shorten_leases(s.db(), s.limits, s.now);
  s.now.steady += s.limits.lease;
  embedded::do_what_is_due(s.db(), s.limits, s.now, s.changes);
  CHECK(embedded::claim(s.db(), s.limits, s.now, id, "other").has_value());
}

TEST_CASE("LeaseIsOverAtItsTimeEvenWhenTheCleanUpHasNotRun") {
  Store s;
  auto const id = s.send(work_for("worker"));
  auto const claim = embedded::claim(s.db(), s.limits, s.now, id, "worker");
  REQUIRE(claim.has_value());
  s.now.steady += s.limits.lease;
  CHECK(embedded::renew(s.db(), s.limits, s.now, id, claim->token).error().code == "claim_lost");
  CHECK(embedded::finish(s.db(), s.now, id, claim->token).error().code == "claim_lost");
}

TEST_CASE("NextDueIsTheEarliestOfWhatTimeDoes") {
  Store s;
  CHECK_FALSE(embedded::next_due(s.db(), s.limits, s.now).has_value());
  auto const id = s.send(work_for("worker"));
  CHECK(embedded::next_due(s.db(), s.limits, s.now) == s.now.steady + s.limits.retention);
  auto const claim = embedded::claim(s.db(), s.limits, s.now, id, "worker");
  REQUIRE(claim.has_value());
  CHECK(embedded::next_due(s.db(), s.limits, s.now) == s.now.steady + s.limits.lease);
  REQUIRE(embedded::release(s.db(), s.limits, s.now, id, claim->token, minutes(2), Tried::yes, s.changes).has_value());
  CHECK(embedded::next_due(s.db(), s.limits, s.now) == s.now.steady + minutes(2));
}

TEST_CASE("ThousandsOfOldMessagesExpireInPieces") {
  Store s;
  s.db().execute("PRAGMA synchronous=OFF");
  for (int i = 0; i < 450; ++i) s.send(message_to("nobody"));
  s.now.wall += s.limits.retention;
  s.now.steady += s.limits.retention;
  int rounds = 0;
  for (auto due = embedded::next_due(s.db(), s.limits, s.now); due && *due <= s.now.steady;
       due = embedded::next_due(s.db(), s.limits, s.now)) {
    embedded::do_what_is_due(s.db(), s.limits, s.now, s.changes);
    REQUIRE(++rounds < 10);
  }
  CHECK(rounds == 3);
  auto const letters = embedded::dead_letters(s.db());
  REQUIRE(letters.has_value());
  CHECK(letters->size() == 450);
}

TEST_CASE("FilesArePrivateAndHoldNoTokenInTheClear") {
  LiveBus live;
  std::string token, attachment;
  ar::test::run(live.io, [&]() -> awaitable<void> {
    TokenScope scope;
    scope.rights.emplace_back("*");
    auto const issued = co_await live.bus->issue_token("operator", std::move(scope), std::nullopt);
    REQUIRE(issued.has_value());
    token = issued->token;
    auto const put = co_await live.bus->put_attachment("a", "", "attached");
    REQUIRE(put.has_value());
    attachment = put->id;
  });
  live.close();
  auto const folder = live.file.parent_path();
  CHECK(mode_of(folder) == 0700);
  CHECK(mode_of(live.file) == 0600);
  CHECK(mode_of(folder / "attachments") == 0700);
  CHECK(mode_of(folder / "attachments" / attachment) == 0600);
  auto const stored = content_of(live.file);
  CHECK(stored.find(sha256_hex(token)) != std::string::npos);
  CHECK(stored.find(token) == std::string::npos);
  CHECK(stored.find(token.substr(4)) == std::string::npos);
}

TEST_CASE("ChangedAttachmentFileIsNotHandedOutAndCanBePutAgain") {
  Store s;
  auto const put = embedded::put_attachment(s.db(), s.folder(), s.limits, s.now, "a", "", "original");
  REQUIRE(put.has_value());
  auto const damaged = [&] {
    auto const bytes = embedded::attachment_bytes(s.db(), s.folder(), put->id);
    return bytes ? std::string("fine") : bytes.error().code;
  };
  std::ofstream(s.folder() / put->id) << "0riginal";
  CHECK(damaged() == "attachment_damaged");
  std::ofstream(s.folder() / put->id) << "far too long for it";
  CHECK(damaged() == "attachment_damaged");
  fs::remove(s.folder() / put->id);
  CHECK(damaged() == "attachment_damaged");
  REQUIRE(embedded::put_attachment(s.db(), s.folder(), s.limits, s.now, "a", "", "original").has_value());
  CHECK(damaged() == "fine");
}

TEST_CASE("LeftoversOfACrashAreSweptAwayAtOpening") {
  LiveBus live;
  std::string id;
  ar::test::run(live.io, [&]() -> awaitable<void> {
    auto const put = co_await live.bus->put_attachment("a", "", "kept");
    REQUIRE(put.has_value());
    id = put->id;
  });
  live.close();
  auto const folder = live.file.parent_path() / "attachments";
  std::ofstream(folder / (id + ".new-12345678")) << "half";
  std::ofstream(folder / std::string(64, 'a')) << "no row";
  auto opened = EmbeddedBus::open(live.io.get_executor(), live.file);
  REQUIRE(opened.has_value());
  live.bus = std::move(*opened);
  std::vector<std::string> names;
  for (auto const& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  CHECK(names == std::vector{id});
}

TEST_CASE("DamagedDatabaseIsRefusedByName") {
  TempDir temp;
  net::io_context io;
  auto const file = temp.path() / "relay.db";
  std::ofstream(file) << std::string(8192, 'x');
  auto const opened = EmbeddedBus::open(io.get_executor(), file);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().code == "database_damaged");
}

TEST_CASE("SubscriptionMayOutliveItsBus") {
  LiveBus live;
  BusHints hints;
  auto subscription = live.bus->subscribe(agent("worker"), "", std::move(hints));
  live.close();
  subscription.reset();
  CHECK_FALSE(subscription);
}

TEST_CASE("ManySendersAtOnceGetGrowingIdsAndLoseNothing") {
  LiveBus live;
  constexpr int kSenders = 8, kEach = 25;
  std::vector<MessageId> ids;
  int hinted = 0, running = kSenders;
  BusHints hints;
  hints.message = [&](Message const&) { ++hinted; };
  auto const subscription = live.bus->subscribe(agent("worker"), "", std::move(hints));
  auto const sender = [&](int number) -> awaitable<void> {
    for (int i = 0; i < kEach; ++i) {
      auto message = message_to("worker", std::to_string(i), "sender " + std::to_string(number));
      auto const sent = co_await live.bus->send(std::move(message));
      REQUIRE(sent.has_value());
      ids.push_back(sent->message.id);
    }
    --running;
  };
  TaskGroup senders(live.io.get_executor(), "senders");
  for (int n = 0; n < kSenders; ++n) senders.spawn("sender", sender(n));
  ar::test::run(live.io, [&]() -> awaitable<void> {
    while (senders.size() > 0) co_await net::post(live.io, net::use_awaitable);
    auto const unread = co_await live.bus->unread(agent("worker"), 1000);
    REQUIRE(unread.has_value());
    CHECK(unread->size() == kSenders * kEach);
  });
  CHECK(running == 0);
  CHECK(hinted == kSenders * kEach);
  CHECK(std::ranges::is_sorted(ids));
  CHECK(std::ranges::adjacent_find(ids) == ids.end());
}

TEST_CASE("TokensOfOlderDatabasesKeepTheirFamilies") {
  TempDir temp;
  auto const file = temp.path() / "relay.db";
  {
    auto old = Database::open(file, embedded::migrations().first(1), true);
    REQUIRE(old.has_value());
    (*old)->execute(
        "INSERT INTO tokens(jti, hash, profile, agent_ids, rights, replaced_by) VALUES"
        "('a1', 'h1', 'p', '[]', '[]', 'a2'), ('a2', 'h2', 'p', '[]', '[]', 'a3'), ('a3', 'h3', 'p', '[]', '[]', NULL),"
        "('b2', 'h5', 'p', '[]', '[]', NULL), ('c1', 'h6', 'p', '[]', '[]', 'forgotten')");
  }
  auto opened = Database::open(file, embedded::migrations(), true);
  REQUIRE(opened.has_value());
  auto const revoked = embedded::revoke_token(**opened, "a2");
  REQUIRE(revoked.has_value());
  CHECK(std::set(revoked->begin(), revoked->end()) == std::set<std::string>{"h1", "h2", "h3"});
  for (auto const& one : *embedded::tokens(**opened)) CHECK(one.revoked == one.jti.starts_with("a"));
  CHECK(embedded::revoke_token(**opened, "c1")->size() == 1);
  auto const named = embedded::issue_token(**opened, Store().now, "p", {}, std::nullopt, "new");
  REQUIRE(named.has_value());
  auto const all = embedded::tokens(**opened);
  for (auto const& one : *all) CHECK(one.made_at.has_value() == (one.jti == named->info.jti));
  CHECK(embedded::revoke_token(**opened, "").has_error());  // the older ones have no name, and none is ""
}

TEST_CASE("FirstTokenIsMadeOnceAndRemadeWhenItNoLongerWorks") {
  LiveBus live;
  auto const file = live.temp.path() / "operator-token";
  auto const first_token_now = [&] {
    std::optional<Result<std::string>> token;
    ar::test::run(live.io, [&]() -> awaitable<void> { token = co_await first_token(*live.bus, file, "operator"); });
    REQUIRE(token->has_value());
    return **token;
  };
  auto const first = first_token_now();
  CHECK(mode_of(file) == 0600);
  CHECK(content_of(file) == first + "\n");
  CHECK(first_token_now() == first);
  ar::test::run(live.io, [&]() -> awaitable<void> {
    auto const info = co_await live.bus->check_token(first);
    REQUIRE(info.has_value());
    CHECK(info->scope.rights == std::vector<std::string>{"*"});
    auto const revoked = co_await live.bus->revoke_token(info->jti);
    REQUIRE(revoked.has_value());
  });
  CHECK(first_token_now() != first);
}

TEST_CASE("EndedTasksAndSilentAgentsAreForgottenAfterTheRetentionTime") {
  Store s;
  s.limits.retention = hours(24);
  auto const set = [&](std::int64_t id, TaskStatus status) {
    Task task;
    task.id = id;
    task.status = status;
    task.set_by = "worker";
    REQUIRE(embedded::set_task(s.db(), s.limits, s.now, task).has_value());
  };
  set(1, TaskStatus::done);
  set(2, TaskStatus::in_progress);
  for (char const* id : {"silent", "alive"})
    REQUIRE(embedded::register_agent(s.db(), s.now, {agent(id), "i-1", "idle"}).has_value());
  auto const pass = [&](hours time) {
    s.now.wall += time;
    s.now.steady += time;
    (void)embedded::do_what_is_due(s.db(), s.limits, s.now, s.changes);
  };
  CHECK(embedded::next_due(s.db(), s.limits, s.now) == s.now.steady + hours(24));
  pass(hours(12));
  REQUIRE(embedded::heartbeat(s.db(), s.now, "alive", json::object()).has_value());
  pass(hours(11));
  CHECK(embedded::task(s.db(), 1).has_value());
  CHECK(embedded::agents(s.db(), s.now)->size() == 2);
  pass(hours(1));
  CHECK(embedded::task(s.db(), 1).has_error());
  CHECK(embedded::task(s.db(), 2).has_value());
  auto const left = embedded::agents(s.db(), s.now);
  REQUIRE(left->size() == 1);
  CHECK(left->front().identity.agent_id == "alive");
}

TEST_CASE("AnAttachmentThatNoMessageNeedsFallsDueByItself") {
  Store s;
  s.limits.retention = hours(24);
  CHECK_FALSE(embedded::next_due(s.db(), s.limits, s.now).has_value());
  auto const put = embedded::put_attachment(s.db(), s.folder(), s.limits, s.now, "a.txt", "text/plain", "bytes");
  REQUIRE(put.has_value());
  auto const due = embedded::next_due(s.db(), s.limits, s.now);
  REQUIRE(due.has_value());
  CHECK(*due == s.now.steady + hours(24));
  s.now.wall += hours(24);
  s.now.steady += hours(24);
  CHECK(embedded::do_what_is_due(s.db(), s.limits, s.now, s.changes) == std::vector{put->id});
  CHECK_FALSE(embedded::next_due(s.db(), s.limits, s.now).has_value());
}
