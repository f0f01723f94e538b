// Tokens and attachments.
#include "base/ids.hpp"
#include "relay/contract/contract.hpp"

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {
TokenScope scope_of_worker() {
  TokenScope scope;
  scope.agent_ids = {"worker"};
  scope.rights = {"send", "read"};
  return scope;
}
}  // namespace

TEST_CASE("IssuedTokenIsKnownByItsScope") {
  Contract t;
  auto const issued = t.good(t.bus().issue_token("provider-agent", scope_of_worker(), minutes(10)));
  auto const second = t.good(t.bus().issue_token("operator", TokenScope(), std::nullopt));
  CHECK(issued.token.size() >= 64);
  CHECK(issued.token != second.token);
  CHECK(issued.info.jti != second.info.jti);
  t.restart();
  auto const info = t.good(t.bus().check_token(issued.token));
  CHECK(info.jti == issued.info.jti);
  CHECK(info.profile == "provider-agent");
  CHECK(info.scope.agent_ids == std::vector<std::string>{"worker"});
  CHECK(info.scope.rights == std::vector<std::string>{"send", "read"});
  CHECK(info.expires_at == issued.info.expires_at);
  CHECK_FALSE(info.revoked);
  CHECK_FALSE(t.good(t.bus().check_token(second.token)).expires_at.has_value());
}

TEST_CASE("UnknownExpiredAndRevokedTokensAreRefused") {
  Contract t;
  auto const issued = t.good(t.bus().issue_token("provider-agent", scope_of_worker(), minutes(10)));
  std::string token = issued.token;
  SUBCASE("unknown") { token += "0"; }
  SUBCASE("empty") { token.clear(); }
  SUBCASE("its jti is no token") { token = issued.info.jti; }
  SUBCASE("expired") {
    t.advance(minutes(10) - seconds(1));
    t.good(t.bus().check_token(token));
    t.advance(seconds(1));
  }
  SUBCASE("revoked") {
    for (int i = 0; i < 2; ++i) t.good(t.bus().revoke_token(issued.info.jti));
    t.restart();
  }
  CHECK(t.problem(t.bus().check_token(token)) == "unauthorized ");
  CHECK(t.problem(t.bus().renew_token(token)) == "unauthorized ");
}

TEST_CASE("RenewedTokenReplacesTheOldAfterAMinute") {
  Contract t;
  auto const old = t.good(t.bus().issue_token("provider-agent", scope_of_worker(), minutes(10)));
  t.advance(minutes(8));
  auto const renewed = t.good(t.bus().renew_token(old.token));
  CHECK(renewed.token != old.token);
  CHECK(renewed.info.jti != old.info.jti);
  CHECK(renewed.info.scope.agent_ids == old.info.scope.agent_ids);
  CHECK(*renewed.info.expires_at - *old.info.expires_at == minutes(8));
  t.advance(seconds(59));
  t.good(t.bus().check_token(old.token));
  t.advance(seconds(1));
  t.restart();
  CHECK(t.problem(t.bus().check_token(old.token)) == "unauthorized ");
  t.good(t.bus().check_token(renewed.token));
  t.advance(minutes(9));
  CHECK(t.problem(t.bus().check_token(renewed.token)) == "unauthorized ");
}

TEST_CASE("RenewalWhoseAnswerWasLostCanBeRepeated") {
  Contract t;
  auto const old = t.good(t.bus().issue_token("provider-interactive", scope_of_worker(), minutes(10)));
  t.good(t.bus().renew_token(old.token));
  auto const again = t.good(t.bus().renew_token(old.token));
  t.good(t.bus().check_token(again.token));
}

TEST_CASE("ATokenMayLastForLongerThanAnybodyLives") {
  Contract t;
  auto const old = t.good(t.bus().issue_token("provider-agent", scope_of_worker(), kLongestSpan));
  t.restart();
  CHECK(t.good(t.bus().check_token(old.token)).expires_at > wall_now() + kLongestSpan / 2);
  auto const renewed = t.good(t.bus().renew_token(old.token));
  CHECK(t.good(t.bus().check_token(renewed.token)).expires_at > wall_now() + kLongestSpan / 2);
  t.good(t.bus().revoke_token(renewed.info.jti));
  CHECK(t.code(t.bus().check_token(renewed.token)) == "token_revoked");
}

TEST_CASE("OverlapDoesNotLengthenAToken") {
  Contract t;
  auto const old = t.good(t.bus().issue_token("provider-agent", scope_of_worker(), seconds(30)));
  t.advance(seconds(20));
  t.good(t.bus().renew_token(old.token));
  t.advance(seconds(10));
  CHECK(t.problem(t.bus().check_token(old.token)) == "unauthorized ");
}

TEST_CASE("RevokingARenewedTokenEndsItsPredecessorToo") {
  Contract t;
  auto const old = t.good(t.bus().issue_token("provider-agent", scope_of_worker(), minutes(10)));
  auto const renewed = t.good(t.bus().renew_token(old.token));
  t.good(t.bus().revoke_token(renewed.info.jti));
  CHECK(t.problem(t.bus().check_token(renewed.token)) == "unauthorized ");
  CHECK(t.problem(t.bus().check_token(old.token)) == "unauthorized ");
}

TEST_CASE("RevokingATokenEndsAllItWasRenewedInto") {
  Contract t;
  auto const first = t.good(t.bus().issue_token("provider-agent", scope_of_worker(), minutes(10)));
  auto const other = t.good(t.bus().issue_token("provider-agent", scope_of_worker(), minutes(10)));
  auto const second = t.good(t.bus().renew_token(first.token));
  auto const repeated = t.good(t.bus().renew_token(first.token));
  auto const third = t.good(t.bus().renew_token(repeated.token));
  SUBCASE("the first one's") { t.good(t.bus().revoke_token(first.info.jti)); }
  SUBCASE("one's in the middle") { t.good(t.bus().revoke_token(repeated.info.jti)); }
  SUBCASE("the last one's") { t.good(t.bus().revoke_token(third.info.jti)); }
  t.restart();
  for (auto const* gone : {&first, &second, &repeated, &third}) {
    CHECK(t.code(t.bus().check_token(gone->token)) == "token_revoked");
    CHECK(t.problem(t.bus().renew_token(gone->token)) == "unauthorized ");
  }
  t.good(t.bus().check_token(other.token));
}

TEST_CASE("ANameStandsForOneTokenUntilThatEnds") {
  Contract t;
  auto const issue = [&](std::optional<milliseconds> lifetime, std::string name) {
    return t.bus().issue_token("provider-agent", scope_of_worker(), lifetime, std::move(name));
  };
  auto const first = t.good(issue(minutes(10), "host-b"));
  CHECK(first.info.name == "host-b");
  CHECK(first.info.made_at.has_value());
  t.good(issue(minutes(10), "host-c"));
  t.good(issue(minutes(10), ""));
  t.good(issue(minutes(10), ""));
  CHECK(t.code(issue(std::nullopt, "host-b")) == "name_taken");
  auto const renewed = t.good(t.bus().renew_token(first.token));
  CHECK(renewed.info.name == "host-b");
  CHECK(t.good(t.bus().check_token(renewed.token)).name == "host-b");
  t.advance(minutes(2));  // the first of them has ended, what it was renewed into has not
  t.restart();
  CHECK(t.code(issue(std::nullopt, "host-b")) == "name_taken");
  SUBCASE("revoked by its name") {
    t.good(t.bus().revoke_token("host-b"));
    CHECK(t.code(t.bus().check_token(renewed.token)) == "token_revoked");
  }
  SUBCASE("revoked by its jti") { t.good(t.bus().revoke_token(first.info.jti)); }
  SUBCASE("expired") { t.advance(minutes(10)); }
  auto const second = t.good(issue(std::nullopt, "host-b"));
  CHECK(t.code(issue(minutes(1), "host-b")) == "name_taken");
  t.restart();
  t.good(t.bus().check_token(second.token));
  t.good(t.bus().revoke_token("host-b"));
  CHECK(t.code(t.bus().check_token(second.token)) == "token_revoked");
  CHECK(t.code(t.bus().revoke_token("host-d")) == "unknown_token");
}

TEST_CASE("OnlyProvidersTokensAreRenewable") {
  Contract t;
  auto const issued = t.good(t.bus().issue_token("operator", TokenScope(), minutes(10)));
  CHECK(t.code(t.bus().renew_token(issued.token)) == "not_renewable");
  t.good(t.bus().check_token(issued.token));
}

TEST_CASE("BadTokenRequestsAreRefused") {
  Contract t;
  TokenScope scope;
  CHECK(t.problem(t.bus().issue_token("", scope, std::nullopt)) == "invalid profile");
  for (auto const span : impossible_spans())
    CHECK(t.problem(t.bus().issue_token("operator", scope, span)) == "invalid lifetime");
  std::string const jti = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed";
  for (std::string const name : {"-x", ".", "a b", "a/b", "a\nb", "\xC3\xA4"})
    CHECK(t.problem(t.bus().issue_token("operator", scope, std::nullopt, name)) == "invalid name");
  CHECK(t.code(t.bus().issue_token("operator", scope, std::nullopt, jti)) == "too_large");
  scope.rights = {"fly"};
  CHECK(t.problem(t.bus().issue_token("operator", scope, std::nullopt)) == "invalid rights");
  CHECK(t.code(t.bus().revoke_token("nothing")) == "unknown_token");
}

TEST_CASE("AttachmentIsFoundByItsContent") {
  Contract t;
  std::string const bytes = std::string("\0\xFF", 2) + "binary\r\n";
  auto const put = t.good(t.bus().put_attachment("a.bin", "application/octet-stream", bytes));
  CHECK(put.id == sha256_hex(bytes));
  CHECK(put.name == "a.bin");
  CHECK(put.size == static_cast<std::int64_t>(bytes.size()));
  t.restart();
  CHECK(t.good(t.bus().attachment_bytes(put.id)) == bytes);
  auto const again = t.good(t.bus().put_attachment("b.bin", "", bytes));
  CHECK(again.id == put.id);
  CHECK(again.name == "b.bin");
  CHECK(t.good(t.bus().put_attachment("", "", "")).size == 0);
}

TEST_CASE("MessageKeepsTheAttachmentsNameItWasSentWith") {
  Contract t;
  auto const put = t.good(t.bus().put_attachment("first.txt", "", "same"));
  auto said = message_to("worker");
  said.attachments = {put.id};
  auto const id = t.send(said).id;
  t.good(t.bus().put_attachment("second.txt", "", "same"));
  CHECK(t.good(t.bus().message(id)).attachments.at(0).name == "first.txt");
}

TEST_CASE("BadAttachmentsAreRefused") {
  BusLimits limits;
  limits.max_attachment_bytes = 100;
  Contract t(limits);
  auto const put = [&](std::string name, std::string type, std::size_t size) {
    return t.problem(t.bus().put_attachment(std::move(name), std::move(type), std::string(size, 'x')));
  };
  CHECK(put("ok", "", 100).empty());
  CHECK(put("ok", "", 101) == "too_large bytes");
  CHECK(put("../../etc/passwd", "", 1) == "invalid name");
  CHECK(put("..", "", 1) == "invalid name");
  CHECK(put("a\nb", "", 1) == "invalid name");
  CHECK(put("\xFF", "", 1) == "invalid name");
  CHECK(put(std::string(201, 'x'), "", 1) == "too_large name");
  CHECK(put("ok", "a\nb", 1) == "invalid mediaType");
  CHECK(t.code(t.bus().attachment_bytes(std::string(64, '0'))) == "unknown_attachment");
  CHECK(t.code(t.bus().attachment_bytes("../relay.db")) == "unknown_attachment");
}
