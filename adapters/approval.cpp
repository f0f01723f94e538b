#include "adapters/approval.hpp"

#include "base/unicode.hpp"

#include <array>
#include <utility>

namespace ar::adapters {
namespace {

constexpr std::array<std::pair<Decision, std::string_view>, 5> kDecisions{
    {{Decision::approve, "approve"},
     {Decision::approve_session, "approve-session"},
     {Decision::deny, "deny"},
     {Decision::abort, "abort"},
     {Decision::answer, "answer"}}};
constexpr std::array<std::string_view, 5> kKinds{"permission", "question", "dialog", "continue", "budget"};
constexpr std::size_t kText = 4 << 10, kWhole = 32 << 10, kLine = 120;

void cut_texts(json& value) {
  if (value.is_string()) {
    auto const& text = value.get_ref<std::string const&>();
    if (text.size() > kText)
      value = std::string(cut_utf8(text, kText)) + "... (" + std::to_string(text.size()) + " bytes)";
  } else if (value.is_structured()) {
    for (auto& part : value) cut_texts(part);
  }
}

}  // namespace

std::string_view to_string(Decision decision) {
  for (auto const& [known, word] : kDecisions)
    if (known == decision) return word;
  return "";
}

std::optional<Decision> decision_from(std::string_view word) {
  for (auto const& [decision, known] : kDecisions)
    if (known == word) return decision;
  return std::nullopt;
}

std::string_view to_string(ApprovalRequest::Kind kind) { return kKinds.at(static_cast<std::size_t>(kind)); }

ApprovalRequest::Kind kind_from(std::string_view word) {
  for (std::size_t i = 0; i < kKinds.size(); ++i)
    if (kKinds.at(i) == word) return static_cast<ApprovalRequest::Kind>(i);
  return ApprovalRequest::Kind::permission;
}

json bounded(json const& input) {
  auto const size = to_text(input).size();
  if (size <= kText) return input;
  json kept = input;
  cut_texts(kept);
  if (auto text = to_text(kept); text.size() > kWhole)
    kept = {{"cut", std::string(cut_utf8(text, kWhole))}, {"bytes", size}};
  return kept;
}

std::string one_line(std::string_view text) {
  auto const line = text.substr(0, text.find('\n'));
  auto const shown = cut_utf8(line, kLine);
  return std::string(shown) + (shown.size() < text.size() ? "..." : "");
}

}  // namespace ar::adapters
