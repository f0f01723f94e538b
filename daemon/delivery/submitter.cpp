#include "daemon/delivery/submitter.hpp"

#include "adapters/image.hpp"
#include "base/ids.hpp"
#include "base/paths.hpp"
#include "daemon/delivery/answer.hpp"
#include "daemon/delivery/current_store.hpp"
#include "daemon/delivery/delivery_host.hpp"
#include "daemon/delivery/guarded.hpp"
#include "daemon/delivery/in_process.hpp"
#include "daemon/delivery/leases.hpp"
#include "daemon/delivery/open_deliveries.hpp"
#include "daemon/delivery/outcomes.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/message_files.hpp"
#include "daemon/store/runtime_state.hpp"
#include "relay/bus.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
using adapters::Prompt;
using adapters::SubmitOutcome;
using adapters::SubmitResult;
using Input = DeliveryInput;
namespace {

constexpr char kReadElsewhere[] = "read_elsewhere";

}  // namespace

Submitter::Submitter(DeliveryParts const& parts, Outcomes& outcomes, std::function<Outlook()> outlook)
    : parts_(parts),
      outcomes_(outcomes),
      outlook_(std::move(outlook)),
      files_(parts.services.files),
      submitting_(parts.services.executor, "hand " + parts.agent_id) {}

awaitable<void> Submitter::deliver(Delivery& d) {
  auto const id = d.message;
  bool ours = true;
  if (d.claimable && d.claim_token.empty()) ours = co_await take_claim(d);
  if (!ours) co_return;
  if (!d.is_local() && !parts_.store.is_known()) co_return;
  auto prompt = co_await prepare(d);
  if (d.is_taken()) co_return;  // its late proof came, from an attempt before this one
  if (!prompt && prompt.error().code == kReadElsewhere) {
    parts_.open.forget(id);
    co_return;
  }
  if (!prompt) {
    co_await give_back(d, prompt.error().message);
    co_return;
  }
  auto* const session = parts_.host.ready_session();
  if (!session || parts_.services.runtime.is_paused()) {  // it went, or the pause came, meanwhile
    d.take(Input::held);
    co_return;
  }

  if (d.correlation_id.empty()) d.correlation_id = random_hex(5);
  prompt->correlation_id = d.correlation_id;
  d.take(Input::handing);
  d.step("submitted");
  d.held.clear();
  d.reason.clear();
  d.offered = false;
  ++d.attempts;
  parts_.open.save(d);
  auto const safe = co_await parts_.services.journal.committed();
  if (d.is_taken()) co_return;
  bool const void_now = !d.is_local() && !parts_.store.is_known();
  if (!safe || void_now || parts_.host.ready_session() != session) {  // nothing has been typed
    d.take(Input::held);
    parts_.open.save(d);
    if (!safe) co_await give_back(d, safe.error().message);
    co_return;
  }
  parts_.open.announce(d, "message.submitted");
  parts_.host.work().start({"message", std::to_string(id)});
  parts_.host.work_changed();
  parts_.process.given.insert(id);
  parts_.process.in_hand = id;
  SubmitResult submission;
  {
    InProcess::Use const use(parts_.process);
    submission = co_await attempt(*session, std::move(*prompt), d);
    // The news of its proof has been sent, and is read in its turn.
    while (submission.outcome == SubmitOutcome::accepted && !d.is_taken() && !parts_.process.ending)
      co_await parts_.changed.wait();
    parts_.process.in_hand.reset();
  }
  parts_.host.work().finish("message", std::to_string(id));
  if (submission.outcome == SubmitOutcome::held && !d.is_taken()) {
    parts_.process.given.erase(id);
    co_await give_back(d, submission.reason);
  } else {
    outcomes_.on_submitted(d, submission);
  }
  outcomes_.settle_early_end();
  parts_.host.work_changed();
}

awaitable<bool> Submitter::take_claim(Delivery& d) {
  auto claim = co_await parts_.services.bus.claim(d.message, parts_.agent_id);
  if (!claim && d.is_taken()) co_return false;  // its late proof came, from an attempt before this one
  if (!claim) {
    bool const elsewhere = claim.error().kind == ErrorKind::conflict || claim.error().kind == ErrorKind::not_found;
    if (elsewhere) {
      // Somebody else has it: not ours any more. Should it become free again, the bus offers it again.
      parts_.open.forget(d.message);
    } else {  // the bus is away, or this daemon's token has no right to it
      if (std::exchange(d.held, claim.error().message) != d.held)
        parts_.services.events.append(parts_.agent_id, "message.held", {{"message", d.message}, {"reason", d.held}});
      d.claim_refused = !is_transient(claim.error());
      d.retry_at = Clock::now() + retry_wait(++d.claim_tries);
      parts_.services.deliveries_changed.notify_all();
    }
    co_return false;
  }
  d.claim_token = claim->token;
  d.claim_refused = false;
  d.claim_tries = 0;
  d.take(Input::claimed);
  d.step("claimed");
  parts_.leases.hold(*claim);
  parts_.open.save(d);
  parts_.open.announce(d, "message.claimed");
  if (!parts_.store.is_known()) co_return false;
  if (d.task) {
    Task task{*d.task, TaskStatus::in_progress, {}, json::object(), parts_.agent_id, wall_now()};
    task.metadata["messageId"] = d.message;
    task.metadata["completedBy"] = "runner";
    auto set = co_await parts_.services.bus.set_task(std::move(task));
    if (!set)
      spdlog::warn("agent {}: task {} could not be set in progress: {}", parts_.agent_id, *d.task, set.error().message);
    parts_.host.work().start({"task", std::to_string(*d.task)});
  }
  co_return true;
}

awaitable<Result<Prompt>> Submitter::prepare(Delivery& d) {
  Prompt prompt = prompt_of(d, parts_.host.files_dir());
  if (d.is_local()) {
    prompt.body = d.local_body;
    co_return prompt;
  }
  if (!d.content) {
    auto message = co_await parts_.services.bus.message(d.message);
    if (!message) co_return message.error();
    if (!d.claimable && !d.acknowledged &&
        std::ranges::find(message->read_by, parts_.agent_id) != message->read_by.end())
      co_return conflict(kReadElsewhere, "the agent has read it at another daemon");
    d.content = std::move(*message);
  }
  prompt.body = d.content->body;
  if (!d.output_schema.empty()) prompt.body += schema_note(d.output_schema);
  auto const fetched = co_await fetch_attachments(d, prompt);
  if (!fetched) co_return fetched.error();
  co_return prompt;
}

/// A line for each: where it lies now, or why it is missing. An error while the bus is away: it is worth another try,
/// but not any number of them.
awaitable<Result<void>> Submitter::fetch_attachments(Delivery& d, Prompt& prompt) {
  constexpr int kTries = 4;
  auto const message = *d.content;
  auto const most = parts_.services.bus.limits().max_attachment_bytes;
  std::size_t image_bytes = 0;
  int number = 0;
  for (auto const& attachment : message.attachments) {
    ++number;
    std::string problem;
    if (attachment.size > static_cast<std::int64_t>(most)) problem = "larger than " + std::to_string(most) + " bytes";
    Result<std::string> bytes = std::string();
    if (problem.empty()) bytes = co_await parts_.services.bus.attachment_bytes(attachment.id);
    if (!bytes && is_transient(bytes.error()) && ++d.fetch_tries < kTries) co_return bytes.error();
    if (!bytes) problem = bytes.error().message;
    if (bytes && bytes->size() > most) problem = "larger than " + std::to_string(most) + " bytes";
    // The sender's name for it may be anything; ours cannot leave the folder.
    auto const file = parts_.host.files_dir() / attachment_file_name(message.id, d.store, number, attachment.name);
    auto const size = bytes ? bytes->size() : 0;
    bool const is_shown = size > 0 && adapters::is_image(*bytes) && image_bytes + size <= adapters::kMostImageBytes;
    if (problem.empty()) {
      auto job = [file, content = std::move(*bytes)] { return write_file_to_disk(file, content); };
      auto written = co_await files_.run(std::move(job));
      if (!written) problem = written.error().message;
    }
    if (is_shown && problem.empty()) {
      image_bytes += size;
      prompt.images.push_back(file);
    }
    prompt.attachments.push_back(problem.empty() ? file.string() : attachment.name + " (missing: " + problem + ")");
  }
  d.fetch_tries = 0;
  co_return Result<void>();
}

awaitable<SubmitResult> Submitter::attempt(adapters::ProviderSession& session, Prompt prompt, Delivery& d) {
  // In a group of its own, so that it can be cut short when the process ends under it.
  auto result = std::make_shared<std::optional<SubmitResult>>();
  auto run = [](Submitter* self, adapters::ProviderSession* to, Prompt what, Delivery* delivery,
                std::shared_ptr<std::optional<SubmitResult>> out) -> awaitable<void> {
    auto on_step = [delivery](std::string_view step) { delivery->step(std::string(step)); };
    SubmitResult fault;
    fault.outcome = SubmitOutcome::unknown;
    fault.reason = "a fault of agent-runner's while it was handed over; see its log";
    auto const whose = "agent " + self->parts_.agent_id + ": handing over message " + std::to_string(delivery->message);
    auto submitted = to->submit(std::move(what), std::move(on_step));
    *out = co_await guarded(whose, std::move(submitted), std::move(fault));
    self->parts_.changed.notify_all();
  };
  submitting_.spawn("submit", run(this, &session, std::move(prompt), &d, result));
  parts_.process.started();  // whatever was said of an earlier one
  while (!*result && !parts_.process.ending) co_await parts_.changed.wait();
  if (!*result) co_await submitting_.stop();
  if (*result) co_return std::move(**result);
  SubmitResult cut;
  cut.outcome = SubmitOutcome::unknown;
  cut.reason = "the provider ended while it was handed over";
  co_return cut;
}

/// Nobody has worked on it: it goes to the others as if it had never been here. An error: the bus is away.
awaitable<Result<void>> Submitter::release_claim(Delivery& d) {
  auto const token = d.claim_token;
  auto const released = co_await parts_.services.bus.release(d.message, token, 0ms, relay::Tried::no);
  if (!released && !is_definite(released.error())) co_return released;
  parts_.leases.drop(d.message);
  d.claim_token.clear();
  d.acknowledged = false;  // the read mark has gone with the lease
  if (d.task) parts_.host.work().finish("task", std::to_string(*d.task));
  co_return Result<void>();
}

awaitable<void> Submitter::give_back(Delivery& d, std::string reason) {
  d.take(Input::held);
  d.held = std::move(reason);
  d.retry_at = Clock::now() + retry_wait(std::max(d.attempts, d.fetch_tries));
  // The lease goes back, so that another agent may take the work; but not while this one could take it at the next try.
  bool const soon_again = parts_.host.ready_session() && why_not_now(d, outlook_()).empty();
  if (!d.claim_token.empty() && !soon_again) {
    auto const released = co_await release_claim(d);
    if (!released) co_return;  // at the next try
  }
  parts_.open.save(d);
  parts_.services.events.append(parts_.agent_id, "message.held", {{"message", d.message}, {"reason", d.held}});
  parts_.services.deliveries_changed.notify_all();
}

}  // namespace ar::daemon
