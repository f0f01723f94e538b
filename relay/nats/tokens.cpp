// Bearer tokens: one document by the token's SHA-256, and one by its jti (and by its name, if it has one) that names
// its family: the token it all began with and all that was renewed from it. A revocation is one document too, by the
// family: none of it is good after that, whoever renews one at the same moment. NATS's own credentials say who may use
// the bus at all; these say what an agent may do through its daemon.
#include "base/ids.hpp"
#include "base/read_json.hpp"
#include "relay/message_rules.hpp"
#include "relay/nats/core.hpp"

namespace ar::relay::nats {
namespace {

/// How long a replaced token still works: requests under way carry it.
constexpr auto kOverlap = std::chrono::seconds(60);

Error unauthorized(std::string what) { return {ErrorKind::unauthorized, "unauthorized", std::move(what)}; }
std::string token_key(std::string const& hash) { return "token." + hash; }
std::string jti_key(std::string const& jti) { return "jti." + key_token(jti); }
std::string name_key(std::string const& name) { return "name." + key_token(name); }
std::string revoked_key(std::string const& family) { return "revoked." + key_token(family); }

struct StoredToken {
  TokenInfo info;
  std::string family{};
  std::optional<milliseconds> lifetime;
  std::uint64_t revision = 0;  ///< 0: there is none
};

json document_of(StoredToken const& token) {
  json out = {{"jti", token.info.jti},
              {"profile", token.info.profile},
              {"agentIds", token.info.scope.agent_ids},
              {"rights", token.info.scope.rights},
              {"family", token.family}};
  if (!token.info.name.empty()) out["name"] = token.info.name;
  if (token.info.made_at) out["madeAt"] = to_millis(*token.info.made_at);
  if (token.lifetime) out["lifetime"] = token.lifetime->count();
  if (token.info.expires_at) out["expiresAt"] = to_millis(*token.info.expires_at);
  return out;
}

std::optional<StoredToken> token_from(Stored const& stored) {
  return maybe_json(stored.data, [&](json const& in) {
    StoredToken token;
    token.revision = stored.sequence;
    token.info.jti = in.at("jti").get<std::string>();
    token.info.profile = in.at("profile").get<std::string>();
    token.info.scope.agent_ids = in.at("agentIds").get<std::vector<std::string>>();
    token.info.scope.rights = in.at("rights").get<std::vector<std::string>>();
    token.family = in.at("family").get<std::string>();
    token.info.name = in.value("name", "");
    if (in.contains("madeAt")) token.info.made_at = time_in(in.at("madeAt"));
    if (in.contains("lifetime")) token.lifetime = millis_in(in.at("lifetime"));
    if (in.contains("expiresAt")) token.info.expires_at = time_in(in.at("expiresAt"));
    return token;
  });
}

awaitable<Result<StoredToken>> find_token(Core& core, std::string hash) {
  auto const stored = co_await core.js.last(core.stream(Store::tokens), core.subject(Store::tokens, token_key(hash)));
  if (!stored) co_return stored.error();
  if (!*stored) co_return StoredToken{};
  auto token = token_from(**stored);
  co_return token ? std::move(*token) : StoredToken{};
}

awaitable<Result<StoredToken>> find_valid(Core& core, std::string hash) {
  auto found = co_await find_token(core, std::move(hash));
  if (!found) co_return found.error();
  if (found->revision == 0) co_return unauthorized("the token is not known here; get a new one");
  auto const& info = found->info;
  auto const revoked =
      co_await core.js.last(core.stream(Store::tokens), core.subject(Store::tokens, revoked_key(found->family)));
  if (!revoked) co_return revoked.error();
  if (*revoked) {
    auto error = unauthorized("token " + info.jti + " has been revoked; get a new one");
    error.code = kRevokedToken;
    co_return error;
  }
  if (info.expires_at && *info.expires_at <= core.time.now())
    co_return unauthorized("token " + info.jti + " expired at " + to_iso8601(core.time.local(*info.expires_at)) +
                           "; get a new one");
  co_return found;
}

awaitable<Result<void>> put(Core& core, std::string key, json document, std::optional<std::uint64_t> expected) {
  Publication publication;
  publication.subject = core.subject(Store::tokens, key);
  publication.data = document.dump();
  publication.expected = expected;
  auto const done = co_await core.js.publish(std::move(publication));
  if (!done) co_return done.error();
  co_return Result<void>();
}

/// `index`: what the documents by jti and by name say. Error name_taken.
awaitable<Result<void>> take_name(Core& core, std::string name, std::string family, json index) {
  auto const stored = co_await core.js.last(core.stream(Store::tokens), core.subject(Store::tokens, name_key(name)));
  if (!stored) co_return stored.error();
  std::uint64_t revision = 0;
  if (*stored) {
    revision = (*stored)->sequence;
    auto const holder = parse_object((*stored)->data);
    if (!holder) co_return holder.error();
    auto const other = text_at(*holder, "family");
    auto const until = holder->find("until");
    bool const over = until != holder->end() && until->is_number() && time_in(*until) <= core.time.now();
    if (other != family && !over) {
      auto const revoked =
          co_await core.js.last(core.stream(Store::tokens), core.subject(Store::tokens, revoked_key(other)));
      if (!revoked) co_return revoked.error();
      if (!*revoked) co_return token_name_taken(name);
    }
  }
  auto const done = co_await put(core, name_key(name), std::move(index), revision);
  if (!done && done.error().code == "wrong_revision") co_return token_name_taken(name);
  co_return done;
}

/// The documents by jti and name go first: a token that works can always be revoked. `family` empty: it begins one.
awaitable<Result<IssuedToken>> make_token(Core& core, std::string profile, TokenScope scope,
                                          std::optional<milliseconds> lifetime, std::string name, std::string family) {
  IssuedToken issued;
  issued.token = "art_" + random_hex(32);
  StoredToken token;
  token.lifetime = lifetime;
  token.info.jti = new_uuid();
  token.info.name = name;
  token.info.made_at = core.time.now();
  token.family = family.empty() ? token.info.jti : std::move(family);
  token.info.profile = std::move(profile);
  token.info.scope = std::move(scope);
  if (lifetime) token.info.expires_at = core.time.now() + *lifetime;
  auto const hash = sha256_hex(issued.token);
  json index = {{"family", token.family}, {"at", to_millis(core.time.now())}};
  if (lifetime) index["lifetime"] = lifetime->count();
  auto done = co_await put(core, jti_key(token.info.jti), index, 0);
  if (done && !name.empty()) {
    if (token.info.expires_at) index["until"] = to_millis(*token.info.expires_at);
    done = co_await take_name(core, std::move(name), token.family, std::move(index));
    if (!done)  // nobody can use it, and nobody will
      (void)co_await core.js.purge(core.stream(Store::tokens), core.subject(Store::tokens, jti_key(token.info.jti)));
  }
  if (done) done = co_await put(core, token_key(hash), document_of(token), 0);
  if (!done) co_return done.error();
  issued.info = token.info;
  if (issued.info.expires_at) issued.info.expires_at = core.time.local(*issued.info.expires_at);
  co_return issued;
}

/// Changes a token's document until nobody is quicker.
using TokenChange = std::function<void(StoredToken&)>;
awaitable<Result<void>> change_token(Core& core, std::string hash, TokenChange change) {
  for (int attempt = 0; attempt < kWriteAttempts; ++attempt) {
    auto found = co_await find_token(core, hash);
    if (!found) co_return found.error();
    if (found->revision == 0) co_return Result<void>();
    change(*found);
    auto const done = co_await put(core, token_key(hash), document_of(*found), found->revision);
    if (done || done.error().code != "wrong_revision") co_return done;
  }
  co_return unavailable("nats_busy", "too many others change this token at once; try again");
}

}  // namespace

awaitable<Result<IssuedToken>> issue_token(Core& core, std::string profile, TokenScope scope,
                                           std::optional<milliseconds> lifetime, std::string name) {
  if (auto const good = check_token_request(profile, scope, lifetime, name); !good) co_return good.error();
  co_return co_await make_token(core, std::move(profile), std::move(scope), lifetime, std::move(name), {});
}

awaitable<Result<IssuedToken>> renew_token(Core& core, std::string token) {
  auto const hash = sha256_hex(token);
  auto const old = co_await find_valid(core, hash);
  if (!old) co_return old.error();
  auto const& profile = old->info.profile;
  if (profile != "provider-agent" && profile != "provider-interactive")
    co_return Error{ErrorKind::forbidden, "not_renewable",
                    "a token of profile " + profile + " is not renewed; have a new one issued"};
  auto issued = co_await make_token(core, profile, old->info.scope, old->lifetime, old->info.name, old->family);
  if (!issued) co_return issued.error();
  TokenChange change = [end = core.time.now() + kOverlap](StoredToken& one) {
    one.info.expires_at = std::min(one.info.expires_at.value_or(end), end);
  };
  auto const shortened = co_await change_token(core, hash, std::move(change));
  if (!shortened) co_return shortened.error();
  co_return issued;
}

awaitable<Result<TokenInfo>> check_token(Core& core, std::string token) {
  auto found = co_await find_valid(core, sha256_hex(token));
  if (!found) co_return found.error();
  if (found->info.expires_at) found->info.expires_at = core.time.local(*found->info.expires_at);
  co_return std::move(found->info);
}

awaitable<Result<void>> revoke_token(Core& core, std::string which) {
  auto stored = co_await core.js.last(core.stream(Store::tokens), core.subject(Store::tokens, jti_key(which)));
  if (stored && !*stored)
    stored = co_await core.js.last(core.stream(Store::tokens), core.subject(Store::tokens, name_key(which)));
  if (!stored) co_return stored.error();
  if (!*stored)
    co_return not_found("unknown_token", "there is no token with the jti or the name \"" + which.substr(0, 80) + "\"");
  auto const index = parse_object((*stored)->data);
  if (!index) co_return index.error();
  json revocation = {{"at", to_millis(core.time.now())}};
  if (auto const lifetime = index->find("lifetime"); lifetime != index->end() && lifetime->is_number())
    revocation["until"] = to_millis(core.time.now() + millis_in(*lifetime));  // none lasts longer
  co_return co_await put(core, revoked_key(index->value("family", which)), std::move(revocation), std::nullopt);
}

namespace {

/// When what is stored stops being of use; none: never, or nobody can say.
std::optional<WallTime> end_of(Stored const& stored, std::string_view key) {
  if (key.starts_with("token.")) {
    auto const token = token_from(stored);
    return token ? token->info.expires_at : std::nullopt;
  }
  auto const revocation = parse_object(stored.data);
  if (!revocation) return std::nullopt;
  auto const until = revocation->find("until");
  return until != revocation->end() && until->is_number() ? std::optional(time_in(*until)) : std::nullopt;
}

}  // namespace

awaitable<Result<void>> forget_old_tokens(Core& core) {
  auto const stream = core.stream(Store::tokens);
  auto const old = core.time.now() - core.limits.retention;
  for (auto const* const keys : {"token.*", "revoked.*", "name.*"}) {
    auto const info =
        co_await core.js.api("STREAM.INFO." + stream, {{"subjects_filter", core.subject(Store::tokens, keys)}});
    if (!info) co_return info.error();
    auto const& subjects = object_at(object_at(*info, "state"), "subjects");
    for (auto const& [subject, count] : subjects.items()) {
      auto const stored = co_await core.js.last(stream, subject);
      if (!stored) co_return stored.error();
      if (!*stored) continue;
      auto const key = core.names.key(Store::tokens, subject);
      auto const end = end_of(**stored, key);
      if (!end || *end > old) continue;
      auto gone = co_await core.js.purge(stream, subject);
      if (gone && key.starts_with("token."))
        if (auto const token = token_from(**stored))
          gone = co_await core.js.purge(stream, core.subject(Store::tokens, jti_key(token->info.jti)));
      if (!gone) co_return gone;
    }
  }
  co_return Result<void>();
}

}  // namespace ar::relay::nats
