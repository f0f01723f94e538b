// Notes: what daemons keep for each other, one text for each key, changed by compare and set.
#include "relay/contract/contract.hpp"

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;

namespace {
Note only(Contract& t) {
  auto const all = t.good(t.bus().notes());
  REQUIRE(all.size() == 1);
  return all.front();
}
}  // namespace

TEST_CASE("ANoteStaysUntilItIsChanged") {
  Contract t;
  CHECK(t.good(t.bus().notes()).empty());
  auto const first = t.good(t.bus().put_note("account.one", "held, \"so\" ü", 0));
  auto const other = t.good(t.bus().put_note("account.a", "other", 0));
  CHECK(other.revision > first.revision);
  t.restart();
  auto const all = t.good(t.bus().notes());
  REQUIRE(all.size() == 2);
  CHECK(all[0].key == "account.a");
  CHECK(all[1].text == "held, \"so\" ü");
  CHECK(all[1].revision == first.revision);
  auto const second = t.good(t.bus().put_note("account.one", "free", first.revision));
  CHECK(second.revision > other.revision);
  CHECK(t.good(t.bus().notes())[1].text == "free");
}

TEST_CASE("ANoteIsChangedOnlyByWhoHasSeenIt") {
  Contract t;
  CHECK(t.code(t.bus().put_note("k", "x", 7)) == "note_changed");
  auto const first = t.good(t.bus().put_note("k", "one", 0));
  CHECK(t.code(t.bus().put_note("k", "two", 0)) == "note_changed");
  auto const second = t.good(t.bus().put_note("k", "two", first.revision));
  CHECK(t.code(t.bus().put_note("k", "three", first.revision)) == "note_changed");
  CHECK(only(t).text == "two");
  // Of two at the same time, one.
  auto const [one, other] =
      t.both(t.bus().put_note("k", "this", second.revision), t.bus().put_note("k", "that", second.revision));
  CHECK(one.has_value() != other.has_value());
  CHECK(only(t).text == (one ? "this" : "that"));
  CHECK((one ? other : one).error().code == "note_changed");
}

TEST_CASE("AWatcherIsToldAndSeesTheNewestNoteAndNothingOlder") {
  Contract t;
  auto revision = t.good(t.bus().put_note("k", "0", 0)).revision;
  int told = 0, others = 0;
  auto const watch = t.bus().watch_notes([&] { ++told; });
  auto ended = t.bus().watch_notes([&] { ++others; });
  ended.reset();
  std::int64_t seen = 0;
  for (int i = 1; i <= 5; ++i) {
    auto const before = told;
    revision = t.good(t.bus().put_note("k", std::to_string(i), revision)).revision;
    t.wait_until([&] { return told > before; });
    auto const note = only(t);
    CHECK(note.text == std::to_string(i));
    CHECK(note.revision > seen);
    seen = note.revision;
  }
  CHECK(others == 0);
}

TEST_CASE("WhoComesBackSeesTheNewestNote") {
  Contract t;
  auto const first = t.good(t.bus().put_note("k", "old", 0));
  auto const second = t.good(t.bus().put_note("k", "new", first.revision));
  t.restart();
  int told = 0;
  auto const watch = t.bus().watch_notes([&] { ++told; });
  CHECK(only(t).text == "new");
  CHECK(t.code(t.bus().put_note("k", "late", first.revision)) == "note_changed");
  t.good(t.bus().put_note("k", "newest", second.revision));
  t.wait_until([&] { return told > 0; });
  CHECK(only(t).text == "newest");
}

TEST_CASE("ANoteHasLimits") {
  Contract t;
  CHECK(t.problem(t.bus().put_note("", "x", 0)) == "invalid key");
  CHECK(t.problem(t.bus().put_note("a\nb", "x", 0)) == "invalid key");
  CHECK(t.problem(t.bus().put_note(std::string(201, 'k'), "x", 0)) == "too_large key");
  CHECK(t.problem(t.bus().put_note("k", std::string(kMaxNoteBytes + 1, 'x'), 0)) == "too_large text");
  CHECK(t.problem(t.bus().put_note("k", "\xff", 0)) == "invalid text");
  CHECK(t.code(t.bus().put_note("k", "x", -1)) == "note_changed");
  CHECK(t.good(t.bus().notes()).empty());
  auto const name = "note." + std::string(190, '.') + "'\"%";  // a name like any other
  t.good(t.bus().put_note(name, std::string(kMaxNoteBytes, 'x'), 0));
  CHECK(only(t).key == name);
  CHECK(t.good(t.bus().agents()).empty());
}

TEST_CASE("ThereAreSoManyNotesAndNotMore") {
  Contract t;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < kMostNotes; ++i)
    last = t.good(t.bus().put_note("k" + std::to_string(i), "x", 0)).revision;
  CHECK(t.code(t.bus().put_note("one more", "x", 0)) == "too_many_notes");
  t.good(t.bus().put_note("k" + std::to_string(kMostNotes - 1), "y", last));
  CHECK(t.good(t.bus().notes()).size() == kMostNotes);
}

TEST_CASE("ANoteThatNobodyChangesIsForgotten") {
  Contract t;
  t.good(t.bus().put_note("old", "x", 0));
  t.advance(std::chrono::hours(24 * 10));
  t.good(t.bus().put_note("young", "x", 0));
  t.advance(std::chrono::hours(24 * 5));
  CHECK(only(t).key == "young");
  t.good(t.bus().put_note("old", "anew", 0));
  CHECK(t.good(t.bus().notes()).size() == 2);
}

TEST_CASE("AnotherStoreHasNoneOfTheNotes") {
  Contract t;
  t.good(t.bus().put_note("k", "x", 0));
  t.replace_store();
  CHECK(t.good(t.bus().notes()).empty());
}
