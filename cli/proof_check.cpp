#include "cli/proof_check.hpp"

#include "base/ids.hpp"
#include "cli/text.hpp"

#include <algorithm>
#include <functional>

namespace ar::cli {
namespace {

using Kind = ProofFinding::Kind;

/// Every text in it, keys aside.
void each_text(json const& value, std::function<void(std::string const&)> const& tell) {
  if (value.is_string()) return tell(value.get_ref<std::string const&>());
  if (value.is_structured())
    for (auto const& part : value) each_text(part, tell);
}

ProofFinding check_body(json const& message) {
  auto const said = field(message, "bodySha256");
  if (!message.contains("body") || !message["body"].is_string())
    return {Kind::open, "the message's body is not in the document; its SHA-256 is " + said};
  if (sha256_hex(message["body"].get<std::string>()) != said)
    return {Kind::bad, "the message's body has another SHA-256 than the document says"};
  return {Kind::good, "the message's body has the SHA-256 " + said};
}

/// What the line says by itself: how much of the message is in it.
ProofFinding check_words(std::string const& line, std::string const& correlation_id, json const& message) {
  auto const body = field(message, "body");
  bool named = line.starts_with(correlation_id);  // a receipt is no JSON
  bool framed = false, whole = false;
  if (auto const record = parse_json(line))
    each_text(*record, [&](std::string const& text) {
      auto const head = text.find("[agent-runner " + correlation_id);
      auto const end = text.rfind("[end " + correlation_id + "]");
      named = named || text.find(correlation_id) != std::string::npos;
      if (head == std::string::npos || end == std::string::npos || end < head) return;
      framed = true;
      whole = whole || (message.contains("body") && message["body"].is_string() &&
                        std::string_view(text).substr(head, end - head).find(body) != std::string_view::npos);
    });
  if (whole) return {Kind::good, "the line holds the whole message, between its two marks"};
  if (framed) return {Kind::open, "the line holds the message's two marks, and its body as a file or changed"};
  if (named) return {Kind::open, "the line names the message by " + correlation_id + ", and does not hold its body"};
  return {Kind::bad, "the line does not name the message: " + correlation_id + " is not in it"};
}

void check_record(json const& proof, std::vector<ProofFinding>& findings) {
  auto const& record = object_at(proof, "record");
  if (record.empty()) {
    findings.push_back({Kind::open, "there is no line of a record of the provider's"});
    return;
  }
  if (!record.contains("text") || !record["text"].is_string()) {
    findings.push_back({Kind::open, "the provider's line is not in the document; its SHA-256 is " +
                                        field(record, "sha256") + ", in line " + field(record, "line") + " of " +
                                        field(record, "file")});
    return;
  }
  auto const line = record["text"].get<std::string>();
  if (sha256_hex(line) != field(record, "sha256")) {
    findings.push_back({Kind::bad, "the provider's line has another SHA-256 than the document says"});
    return;
  }
  findings.push_back({Kind::good, "line " + field(record, "line") + " of " + field(record, "file") + " (" +
                                      field(proof, "provider") + ") has the SHA-256 " + field(record, "sha256")});
  auto const correlation_id = field(proof, "correlationId");
  if (correlation_id.empty())
    findings.push_back({Kind::bad, "the document does not say by which correlationId the message is named"});
  else
    findings.push_back(check_words(line, correlation_id, object_at(proof, "message")));
}

void check_journal(json const& proof, std::vector<ProofFinding>& findings) {
  auto const& journal = object_at(proof, "journal");
  if (journal.empty()) {
    findings.push_back({Kind::open, "there is no entry of the daemon's log"});
    return;
  }
  auto const text = field(journal, "event");
  if (sha256_hex(field(journal, "previous") + text) != field(journal, "chain")) {
    findings.push_back({Kind::bad, "the log's entry does not follow from the one before it"});
    return;
  }
  auto const event = parse_object(text);
  auto const& data = event ? object_at(*event, "data") : object_at(json::object(), "");
  auto const& message = object_at(proof, "message");
  bool const about_it = event && field(*event, "type") == "message.accepted" &&
                        field(*event, "agent") == field(object_at(proof, "delivery"), "agent") &&
                        data.contains("message") && message.contains("id") && data["message"] == message["id"];
  if (!about_it) {
    findings.push_back({Kind::bad, "the log's entry is not about this message at this agent"});
    return;
  }
  findings.push_back({Kind::good, "entry " + field(*event, "number") + " of the log says that " +
                                      field(*event, "agent") + " accepted message " + field(message, "id") + " at " +
                                      field(*event, "at") + ", and follows from the one before it"});
}

}  // namespace

std::vector<ProofFinding> check_proof(json const& proof) {
  if (!proof.is_object() || field(proof, "version") != "1" || object_at(proof, "message").empty())
    return {{Kind::bad, "this is no proof that this version knows: `agent-runner message proof ID` makes one"}};
  std::vector<ProofFinding> findings{check_body(object_at(proof, "message"))};
  check_record(proof, findings);
  check_journal(proof, findings);
  return findings;
}

bool holds(std::vector<ProofFinding> const& findings) {
  auto const is = [](Kind kind) { return [kind](ProofFinding const& finding) { return finding.kind == kind; }; };
  return std::ranges::none_of(findings, is(Kind::bad)) && std::ranges::count_if(findings, is(Kind::good)) >= 2;
}

}  // namespace ar::cli
