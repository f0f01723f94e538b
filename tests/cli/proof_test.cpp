#include "base/ids.hpp"
#include "cli/proof_check.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ar;
using namespace ar::cli;
using Kind = ProofFinding::Kind;

namespace {

constexpr char kLine[] =
    R"({"type":"user","uuid":"u-1","message":{"content":"[agent-runner abcdef0123 · message 42 · from bob]\nhello\n[end abcdef0123]"}})";

json proof_with(std::string const& line) {
  json const event = {{"number", 7},
                      {"agent", "alice"},
                      {"type", "message.accepted"},
                      {"at", "2026-01-31T12:00:00.000Z"},
                      {"data", {{"message", 42}}}};
  std::string const previous(64, '0');
  return {
      {"version", 1},
      {"message", {{"id", 42}, {"body", "hello"}, {"bodySha256", sha256_hex("hello")}}},
      {"delivery", {{"agent", "alice"}}},
      {"provider", "claude"},
      {"correlationId", "abcdef0123"},
      {"record", {{"file", "/r.jsonl"}, {"line", 3}, {"text", line}, {"sha256", sha256_hex(line)}}},
      {"journal", {{"event", event.dump()}, {"previous", previous}, {"chain", sha256_hex(previous + event.dump())}}}};
}

int count(std::vector<ProofFinding> const& findings, Kind kind) {
  return static_cast<int>(std::ranges::count(findings, kind, &ProofFinding::kind));
}

}  // namespace

TEST_CASE("AProofHoldsByItsRecordAndItsLog") {
  auto const findings = check_proof(proof_with(kLine));
  CHECK(findings.size() == 4);
  CHECK(count(findings, Kind::good) == 4);
  CHECK(holds(findings));
}

TEST_CASE("WhateverIsChangedInAProofIsFound") {
  auto const changed = [](auto change) {
    auto proof = proof_with(kLine);
    change(proof);
    return holds(check_proof(proof));
  };
  CHECK_FALSE(changed([](json& p) { p["message"]["body"] = "hallo"; }));
  CHECK_FALSE(changed([](json& p) { p["message"]["id"] = 43; }));
  CHECK_FALSE(changed([](json& p) { p["delivery"]["agent"] = "carol"; }));
  CHECK_FALSE(changed([](json& p) { p["correlationId"] = "abcdef0124"; }));
  CHECK_FALSE(changed([](json& p) { p["correlationId"] = ""; }));
  CHECK_FALSE(changed([](json& p) { p["record"]["text"] = "{}"; }));
  CHECK_FALSE(changed([](json& p) { p["journal"]["previous"] = std::string(64, '1'); }));
  CHECK_FALSE(changed([](json& p) {
    p["journal"]["event"] = R"({"type":"message.done","agent":"alice","data":{"message":42}})";
    p["journal"]["chain"] =
        sha256_hex(p["journal"]["previous"].get<std::string>() + p["journal"]["event"].get<std::string>());
  }));
  CHECK_FALSE(changed([](json& p) { p["version"] = 2; }));
  CHECK_FALSE(changed([](json& p) { p = json::array(); }));
  CHECK_FALSE(changed([](json& p) { p["message"] = "x"; }));
}

TEST_CASE("WhatAProofDoesNotTellIsSaid") {
  // A receipt, a body that went as a file, no record at all, no entry any more.
  CHECK(count(check_proof(proof_with("abcdef0123 42")), Kind::open) == 1);
  CHECK(holds(check_proof(proof_with("abcdef0123 42"))));
  auto const as_file = check_proof(proof_with(
      R"({"text":"[agent-runner abcdef0123]\nThe body (5 bytes) is the exact content of this file: /f\n[end abcdef0123]"})"));
  CHECK(count(as_file, Kind::open) == 1);
  CHECK(holds(as_file));
  auto without = proof_with(kLine);
  without["record"] = nullptr;
  CHECK(holds(check_proof(without)));  // the log's entry is left
  without["journal"] = nullptr;
  CHECK_FALSE(holds(check_proof(without)));
  CHECK_FALSE(holds(check_proof(proof_with(R"({"text":"another"})"))));
}
