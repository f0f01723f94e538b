// What a provider asks in the tests of approvals: may it run one command?
#pragma once
#include "adapters/approval.hpp"

#include <string>
#include <utility>

namespace ar::test {

inline adapters::ApprovalRequest touch_request(std::string key) {
  adapters::ApprovalRequest request;
  request.key = std::move(key);
  request.tool = "Bash";
  request.summary = "Bash: touch x";
  request.choices = {adapters::Decision::approve, adapters::Decision::deny, adapters::Decision::abort};
  return request;
}

}  // namespace ar::test
