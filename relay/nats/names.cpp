#include "relay/nats/names.hpp"

namespace ar::relay::nats {
namespace {

std::string_view word(Store store) {
  switch (store) {
    case Store::messages: return "messages";
    case Store::commands: return "commands";
    case Store::attachments: return "attachments";
    case Store::state: return "state";
    case Store::presence: return "presence";
    case Store::tasks: return "tasks";
    case Store::tokens: return "tokens";
  }
  return {};
}
bool is_bucket(Store store) {
  return store != Store::messages && store != Store::commands && store != Store::attachments;
}

}  // namespace

std::string Names::stream(Store store) const {
  return (is_bucket(store) ? "KV_" : "") + prefix_ + "-" + std::string(word(store));
}

std::string Names::start(Store store) const {
  auto const name = std::string(word(store));
  return is_bucket(store) ? "$KV." + prefix_ + "-" + name + "." : prefix_ + "." + name + ".";
}

std::string Names::subject(Store store, std::string_view key) const { return start(store) + std::string(key); }

std::string_view Names::key(Store store, std::string_view subject) const {
  auto const before = start(store);
  if (!subject.starts_with(before)) return {};
  return subject.substr(before.size());
}

StreamPlan Names::plan(Store store) const {
  StreamPlan plan;
  plan.name = stream(store);
  plan.bucket = is_bucket(store);
  plan.subject = subject(store, plan.bucket ? ">" : store == Store::attachments ? "*.*" : "*");
  if (store == Store::commands) plan.messages_per_subject = -1;
  if (store == Store::presence) plan.max_age = kPresenceTtl;
  return plan;
}

std::string key_token(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string token;
  for (char const c : text) {
    bool const plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    auto const byte = static_cast<unsigned char>(c);
    if (plain)
      token += c;
    else
      token += {'=', kHex[byte >> 4], kHex[byte & 15]};
  }
  return token;
}

}  // namespace ar::relay::nats
