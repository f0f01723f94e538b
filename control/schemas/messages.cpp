#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

/// Of every message that somebody sends.
constexpr auto kSaid = std::to_array<Field>({
    {.name = "body", .required = true},
    {.name = "from", .about = "the operator says who speaks; an agent is itself"},
    {.name = "kind", .about = "chat where it is missing"},
    {.name = "subject"},
    {.name = "payload", .type = Type::object, .about = "for programs"},
    {.name = "claimable", .type = Type::boolean, .about = "work for one of those that it is addressed to"},
    {.name = "taskId", .type = Type::integer, .least = 1},
    {.name = "urgent", .type = Type::boolean, .about = "may be handed over while its receiver is busy"},
    {.name = "replyRequested", .type = Type::boolean},
    {.name = "attachments", .type = Type::list, .about = "their ids"},
    {.name = "idempotencyKey", .about = "as the header Idempotency-Key"},
    {.name = "mustReach",
     .type = Type::boolean,
     .about = "refused (no_receiver) where no agent of the bus has its address"},
});
constexpr auto kSaidTo = joined(
    std::to_array<Field>({
        {.name = "to",
         .about = "an agent's name, operator, tag:NAME, cap:NAME, label:NAME or broadcast",
         .required = true},
    }),
    joined(kSaid, std::to_array<Field>({
                      {.name = "replyTo", .type = Type::integer, .about = "the message that it answers", .least = 1},
                  })));

constexpr Field attachment[] = {
    {.name = "id", .required = true},
    {.name = "name", .required = true},
    {.name = "size", .type = Type::integer, .required = true},
    {.name = "mediaType"},
};

/// Of every message that is shown.
constexpr auto kShown = std::to_array<Field>({
    {.name = "id", .type = Type::integer, .about = "its number in the bus's store", .required = true},
    {.name = "from", .required = true},
    {.name = "to", .required = true},
    {.name = "kind", .required = true},
    {.name = "body", .required = true},
    {.name = "payload", .type = Type::object, .required = true},
    {.name = "claimable", .type = Type::boolean, .required = true},
    {.name = "readBy", .type = Type::list, .required = true},
    {.name = "createdAt", .type = Type::time, .required = true},
    {.name = "attachments", .type = Type::list, .required = true, .of = Type::object, .schema = &kAttachment},
    {.name = "subject"},
    {.name = "replyTo", .type = Type::integer},
    {.name = "resolvedToAgent", .about = "which of those that it is addressed to has it"},
});

constexpr Field delivery_in_short[] = {
    {.name = "agent", .required = true},
    {.name = "state", .required = true},
    {.name = "reason"},
};
constexpr Schema kDeliveryInShort{.name = "DeliveryInShort", .fields = delivery_in_short};

constexpr Field step[] = {
    {.name = "step", .required = true},
    {.name = "at", .type = Type::time, .required = true},
};
constexpr Schema kStep{.name = "DeliveryStep", .fields = step};

constexpr Field delivery[] = {
    {.name = "agent", .required = true},
    {.name = "message", .type = Type::integer, .required = true},
    {.name = "state",
     .required = true,
     .words = "queued held claimed submitted accepted running done failed unknown refused unverified"},
    {.name = "attempts", .type = Type::integer},
    {.name = "acknowledged", .type = Type::boolean, .about = "the bus knows that it was taken"},
    {.name = "steps", .type = Type::list, .of = Type::object, .schema = &kStep},
    {.name = "reason"},
    {.name = "code", .about = "failed, and why is known: overloaded, network, server_error, stalled"},
    {.name = "finalText", .about = "done: what its provider said last in the message's turn"},
    {.name = "reported", .type = Type::boolean, .about = "the bus knows how it ended"},
    {.name = "proof", .about = "what of its provider's shows that it took the message"},
    {.name = "road",
     .about = "how it went into its provider: typed, at Claude Code's messaging socket, or fetched by its hook",
     .words = "terminal socket hook"},
    {.name = "screen", .about = "unknown: the terminal as it was"},
    {.name = "turn", .type = Type::integer},
    {.name = "retries", .type = Type::integer, .about = "so often the model's service failed before it did anything"},
    {.name = "repairs", .type = Type::integer, .about = "so often its answer did not fit, and was asked for again"},
    {.name = "output", .type = Type::any, .about = "done: the answer, where the message wants one that fits a schema"},
};
constexpr Schema kDelivery{.name = "Delivery", .about = "a message at one agent", .fields = delivery};

constexpr Field reaction_kept[] = {
    {.name = "messageId", .type = Type::integer, .required = true},
    {.name = "by", .required = true},
    {.name = "word", .required = true},
    {.name = "at", .type = Type::time, .required = true},
};
constexpr Schema kReactionKept{.name = "ReactionKept", .fields = reaction_kept};

constexpr auto kSentFields = joined(
    kShown,
    std::to_array<Field>({
        {.name = "repeated", .type = Type::boolean, .about = "it had been sent before, under the same Idempotency-Key"},
        {.name = "store", .about = "of the bus, whose number the message has"},
        {.name = "eventCursor", .type = Type::integer, .about = "what happens to it comes after this one"},
        {.name = "matchingAgents", .type = Type::integer, .about = "agents of this daemon with its address"},
        {.name = "deliveries", .type = Type::list, .of = Type::object, .schema = &kDelivery},
        {.name = "reactions", .type = Type::list, .of = Type::object, .schema = &kReactionKept},
        {.name = "replies", .type = Type::list, .of = Type::object, .schema = &kMessage},
    }));

constexpr auto kLifeFields = joined(
    kShown,
    std::to_array<Field>({
        {.name = "deliveries", .type = Type::list, .required = true, .of = Type::object, .schema = &kDelivery},
        {.name = "reactions", .type = Type::list, .required = true, .of = Type::object, .schema = &kReactionKept},
        {.name = "replies", .type = Type::list, .required = true, .of = Type::object, .schema = &kMessage},
    }));

constexpr auto kListedFields = joined(
    kShown,
    std::to_array<Field>({
        {.name = "deliveries", .type = Type::list, .required = true, .of = Type::object, .schema = &kDeliveryInShort},
    }));
constexpr Schema kListed{.name = "ListedMessage", .fields = kListedFields};

constexpr Field messages[] = {
    {.name = "messages", .type = Type::list, .required = true, .of = Type::object, .schema = &kListed},
    {.name = "nextCursor", .type = Type::integer, .about = "there are more"},
};

constexpr Field inbox[] = {
    {.name = "unread", .type = Type::list, .required = true, .of = Type::object, .schema = &kMessage},
    {.name = "replies",
     .type = Type::list,
     .about = "messages that wait for its reply",
     .required = true,
     .of = Type::object,
     .schema = &kMessage},
    {.name = "more", .type = Type::boolean, .about = "that was not all", .required = true},
};

constexpr Field new_reaction[] = {{.name = "word", .required = true}};

constexpr Field reaction[] = {
    {.name = "message", .type = Type::integer, .required = true},
    {.name = "by", .required = true},
    {.name = "word", .required = true},
};

constexpr Field settlement[] = {
    {.name = "taken", .type = Type::boolean, .about = "whether its provider took it", .required = true},
    {.name = "agent", .about = "where it is unknown; needed where that is so at several"},
};

constexpr Field dead_letter[] = {
    {.name = "message", .type = Type::object, .required = true, .schema = &kMessage},
    {.name = "deliveryCount", .type = Type::integer, .required = true},
    {.name = "reason", .required = true},
    {.name = "at", .type = Type::time, .required = true},
};
constexpr Schema kDeadLetter{.name = "DeadLetter", .fields = dead_letter};

constexpr Field dead_letters[] = {
    {.name = "deadLetters", .type = Type::list, .required = true, .of = Type::object, .schema = &kDeadLetter},
    {.name = "nextCursor", .type = Type::integer, .about = "there are more"},
};

constexpr Field proven_message[] = {
    {.name = "id", .type = Type::integer, .required = true},
    {.name = "store", .about = "of the bus, whose number it is", .required = true},
    {.name = "from", .required = true},
    {.name = "to", .required = true},
    {.name = "createdAt", .type = Type::time, .required = true},
    {.name = "body", .about = "null: it is longer than 4 MiB", .required = true, .nullable = true},
    {.name = "bodySha256", .required = true},
};
constexpr Schema kProvenMessage{.name = "ProvenMessage", .fields = proven_message};

constexpr Field proving_line[] = {
    {.name = "file", .required = true},
    {.name = "line", .type = Type::integer, .about = "its number; the first is 1", .required = true},
    {.name = "offset", .type = Type::integer, .about = "of its first byte", .required = true},
    {.name = "id", .about = "by which the provider knows it; empty: it has none", .required = true},
    {.name = "text",
     .about = "its bytes; null: they are no UTF-8, or more than 4 MiB",
     .required = true,
     .nullable = true},
    {.name = "sha256", .about = "of its bytes, without the line end", .required = true},
};
constexpr Schema kProvingLine{.name = "ProvingLine",
                              .about = "the line of the provider's own record that holds the message",
                              .fields = proving_line};

constexpr Field proving_event[] = {
    {.name = "event", .about = "message.accepted, as it stands in the log", .required = true},
    {.name = "previous", .about = "the chain of the event before", .required = true},
    {.name = "chain", .about = "SHA-256 of previous and event, in hex", .required = true},
};
constexpr Schema kProvingEvent{.name = "ProvingEvent", .fields = proving_event};

constexpr Field proof[] = {
    {.name = "version", .type = Type::integer, .about = "1", .required = true},
    {.name = "madeAt", .type = Type::time, .required = true},
    {.name = "instanceId", .about = "the daemon's installation", .required = true},
    {.name = "message", .type = Type::object, .required = true, .schema = &kProvenMessage},
    {.name = "delivery", .type = Type::object, .required = true, .schema = &kDelivery},
    {.name = "provider", .required = true},
    {.name = "correlationId", .about = "by which the agent's prompt names the message", .required = true},
    {.name = "record",
     .type = Type::object,
     .about = "null: the provider keeps none, or it is not there any more",
     .required = true,
     .nullable = true,
     .schema = &kProvingLine},
    {.name = "journal",
     .type = Type::object,
     .about = "null: the event is not kept any more, or of an earlier version",
     .required = true,
     .nullable = true,
     .schema = &kProvingEvent},
};

constexpr Field requeued[] = {{.name = "requeued", .type = Type::integer, .required = true}};

}  // namespace

Schema const kNewMessage{.name = "NewMessage", .fields = kSaidTo};
Schema const kNewReply{.name = "NewReply", .about = "to and replyTo follow from what it answers", .fields = kSaid};
Schema const kAttachment{.name = "Attachment", .fields = attachment};
Schema const kMessage{.name = "Message", .fields = kShown};
Schema const kSentMessage{.name = "SentMessage",
                          .about = "with wait, the message's life too, and without repeated and its neighbours",
                          .fields = kSentFields};
Schema const kMessageLife{.name = "MessageLife", .fields = kLifeFields};
Schema const kMessageList{.name = "MessageList", .about = "newest first", .fields = messages};
Schema const kProof{.name = "Proof", .about = "that an agent took a message", .fields = proof};
Schema const kInbox{.name = "Inbox", .fields = inbox};
Schema const kNewReaction{.name = "NewReaction", .fields = new_reaction};
Schema const kReaction{.name = "Reaction", .fields = reaction};
Schema const kSettlement{.name = "Settlement", .fields = settlement};
Schema const kDeadLetterList{.name = "DeadLetterList", .fields = dead_letters};
Schema const kRequeued{.name = "Requeued", .fields = requeued};

}  // namespace ar::control
