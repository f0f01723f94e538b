// Attached bytes in parts on subjects of their own, named by their SHA-256; long bodies of messages are kept so too.
// (The client library has no object store.) What describes them is written last: who finds it finds every part.
#include "base/ids.hpp"
#include "base/read_json.hpp"
#include "relay/message_rules.hpp"
#include "relay/nats/core.hpp"

namespace ar::relay::nats {
namespace {

struct About {
  Attachment attachment;
  std::size_t parts = 0;
  WallTime at{};
  milliseconds keep{0};
  std::uint64_t sequence = 0;
};

Error unknown_attachment(std::string const& id) {
  return not_found("unknown_attachment", "there is no attachment \"" + id.substr(0, 80) + "\"; upload it first");
}
bool is_digest(std::string_view id) {
  return id.size() == 64 && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}
std::size_t parts_of(std::size_t size) { return (size + kPartBytes - 1) / kPartBytes; }
std::string part_key(std::string const& id, std::string const& part) { return id + "." + part; }

std::optional<About> about_from(std::string const& id, Stored const& stored) {
  return maybe_json(stored.data, [&](json const& in) {
    About about;
    about.attachment = {id, in.at("name").get<std::string>(), in.at("size").get<std::int64_t>(),
                        in.at("type").get<std::string>()};
    about.parts = parts_of(static_cast<std::size_t>(std::max<std::int64_t>(0, about.attachment.size)));
    about.at = time_in(in.at("at"));
    about.keep = millis_in(in.at("keep"));
    about.sequence = stored.sequence;
    return about;
  });
}

awaitable<Result<About>> find_about(Core& core, std::string id) {
  if (!is_digest(id)) co_return unknown_attachment(id);
  auto const stored =
      co_await core.js.last(core.stream(Store::attachments), core.subject(Store::attachments, part_key(id, "about")));
  if (!stored) co_return stored.error();
  auto about = *stored ? about_from(id, **stored) : std::nullopt;
  if (!about) co_return unknown_attachment(id);
  auto const now = core.time.now();
  if (about->at + about->keep <= now && !core.messages.needs_attachment(id, now)) co_return unknown_attachment(id);
  co_return std::move(*about);
}

awaitable<Result<void>> put(Core& core, std::string key, std::string data) {
  Publication publication;
  publication.subject = core.subject(Store::attachments, key);
  publication.data = std::move(data);
  auto const done = co_await core.js.publish(std::move(publication));
  if (!done) co_return done.error();
  co_return Result<void>();
}

}  // namespace

awaitable<Result<Attachment>> put_attachment(Core& core, std::string name, std::string media_type, std::string bytes) {
  auto good = check_attachment(name, media_type, bytes.size(), core.limits);
  if (!good) co_return good.error();
  Attachment attachment{sha256_hex(bytes), std::move(*good), static_cast<std::int64_t>(bytes.size()), media_type};
  auto const known = co_await find_about(core, attachment.id);
  if (!known && known.error().kind != ErrorKind::not_found) co_return known.error();
  auto const parts = parts_of(bytes.size());
  if (!known)
    for (std::size_t part = 0; part < parts; ++part) {
      auto const done = co_await put(core, part_key(attachment.id, std::to_string(part)),
                                     bytes.substr(part * kPartBytes, kPartBytes));
      if (!done) co_return done.error();
    }
  // Bytes put again are news: they are kept for another retention time, under the new name.
  json const about = {{"name", attachment.name},          {"type", attachment.media_type},
                      {"size", attachment.size},          {"parts", parts},
                      {"at", to_millis(core.time.now())}, {"keep", core.limits.retention.count()}};
  auto const done = co_await put(core, part_key(attachment.id, "about"), about.dump());
  if (!done) co_return done.error();
  co_return attachment;
}

awaitable<Result<Attachment>> attachment(Core& core, std::string id) {
  auto about = co_await find_about(core, std::move(id));
  if (!about) co_return about.error();
  co_return std::move(about->attachment);
}

awaitable<Result<std::string>> attachment_bytes(Core& core, std::string id) {
  auto const about = co_await find_about(core, id);
  if (!about) co_return about.error();
  std::string bytes;
  for (std::size_t part = 0; part < about->parts; ++part) {
    auto const stored = co_await core.js.last(core.stream(Store::attachments),
                                              core.subject(Store::attachments, part_key(id, std::to_string(part))));
    if (!stored) co_return stored.error();
    if (*stored) bytes += (*stored)->data;
  }
  if (sha256_hex(bytes) != id)
    co_return internal("attachment_damaged", "parts of attachment " + id + " are gone from NATS; upload it again");
  co_return bytes;
}

awaitable<Result<void>> forget_old_attachments(Core& core) {
  auto const stream = core.stream(Store::attachments);
  auto const info =
      co_await core.js.api("STREAM.INFO." + stream, {{"subjects_filter", core.subject(Store::attachments, "*.about")}});
  if (!info) co_return info.error();
  auto const& subjects = object_at(object_at(*info, "state"), "subjects");
  for (auto const& [subject, count] : subjects.items()) {
    auto const id = std::string(core.names.key(Store::attachments, subject)).substr(0, 64);
    auto const stored = co_await core.js.last(stream, subject);
    if (!stored) co_return stored.error();
    if (!*stored) continue;
    auto const about = about_from(id, **stored);
    auto const now = core.time.now();
    // An hour more than anybody may still be using it; what is put meanwhile has a later sequence and stays.
    if (!about || about->at + about->keep + std::chrono::hours(1) > now || core.messages.needs_attachment(id, now))
      continue;
    auto const gone = co_await core.js.purge(stream, core.subject(Store::attachments, id + ".*"), about->sequence + 1);
    if (!gone) co_return gone;
  }
  co_return Result<void>();
}

}  // namespace ar::relay::nats
