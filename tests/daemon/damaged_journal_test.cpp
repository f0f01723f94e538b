// What a disk, or somebody with an editor, left of the journal's rows: each damaged one costs itself, not the daemon.
#include "world.hpp"

using namespace ar;
using namespace ar::test;

TEST_CASE("ADamagedRowOfAnyTableCostsThatRow") {
  for (std::string const& damage :
       {std::string(), std::string("{\"id\":"), std::string("[]"), std::string("1e400"),
        std::string(R"({"id":7,"tags":"x","exits":[{}],"steps":[[]],"choices":[1]})"), std::string(100'000, '[')}) {
    CAPTURE(damage.substr(0, 20));
    World world;
    world.spawn();
    world.journal().write([damage](Database& db) {
      db.prepare("INSERT INTO agents(id, spec, state, record) SELECT 'b', ?1, state, record FROM agents")
          .bind(damage)
          .run();
      db.prepare("INSERT INTO agents(id, spec, state, record) SELECT 'c', spec, state, ?1 FROM agents WHERE id = 'a'")
          .bind(damage)
          .run();
      db.prepare(
            "INSERT INTO deliveries(agent, message, state, correlation_id, record, open) VALUES('a', 999, 'queued', "
            "'n', ?1, 1)")
          .bind(damage)
          .run();
      db.prepare("INSERT INTO approvals(id, agent, status, created_at, record) VALUES(1, 'a', 'pending', ?2, ?1)")
          .bind(damage, to_millis(wall_now()))
          .run();
      db.prepare("INSERT INTO turns(agent, number, record) VALUES('a', 1, ?1)").bind(damage).run();
      db.prepare("INSERT INTO facts(name, value) VALUES('worktree of d', ?1)").bind(damage).run();
    });
    world.crash();
    world.start();
    world.until_state("idle");
    CHECK(world.agent().queue().open().empty());
    CHECK(world.await(world.approvals().list({}))->at("approvals").empty());
    CHECK(world.await(world.approvals().show(1)).error().code == "approval_damaged");
    world.send("are you there?");
    world.until([&] { return !world.agent().queue().open().empty(); }, "it goes on taking messages");
  }
}
