// JSON that somebody else wrote, and the bus's words in it.
#include "base/json.hpp"

#include "fuzz/fuzz.hpp"
#include "relay/message_json.hpp"
#include "relay/message_rules.hpp"

using namespace ar;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const value = parse_json(fuzz::text_of(data, size));
  if (!value) {
    fuzz::must(!value.error().message.empty(), "an error says something");
    return 0;
  }
  auto const again = parse_json(to_text(*value));
  fuzz::must(again.has_value() && *again == *value, "what was written is read as the same value");
  if (auto const message = relay::message_from(*value)) {
    auto const same = relay::message_from(relay::to_json(*message));
    fuzz::must(same.has_value() && relay::to_json(*same) == relay::to_json(*message),
               "a message is read as it was written");
  }
  (void)relay::new_message_from(*value);
  (void)relay::claim_from(*value);
  (void)relay::task_from(*value);
  (void)relay::command_from(*value);
  (void)relay::presence_from(*value);
  (void)relay::dead_letter_from(*value);
  (void)relay::token_info_from(*value);
  (void)relay::limits_from(*value);
  return 0;
}
