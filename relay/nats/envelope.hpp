// A message as it lies in the stream: one line of JSON, then the body as it is.
#pragma once
#include "model/message.hpp"

namespace ar::relay::nats {

struct Envelope {
  Message message;                        ///< without id, readers, and, where `body_id` is set, without body
  std::vector<std::string> recipients{};  ///< of a plain group message: the agents known when it was sent
  std::string key{}, body_hash{};         ///< of an idempotent send
  milliseconds keep{0};                   ///< the sender's retention time
  std::string body_id{};                  ///< a long body, stored as an attachment is
};

std::string to_text(Envelope const& envelope);
/// Nothing when it is not one of ours.
std::optional<Envelope> envelope_from(std::string_view text);

}  // namespace ar::relay::nats
