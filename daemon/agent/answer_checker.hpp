// Compares an answer with its JSON Schema, in a process of its own: either may have been written by anybody, and a
// schema can be such that its check takes for ever, or all of the stack.
#pragma once
#include "base/async.hpp"
#include "daemon/delivery/answer.hpp"

#include <filesystem>
#include <string>

namespace ar::daemon {

/// `command`: the agent-runner command, whose hidden verb `__check_answer` does it. Takes 15 s at most.
awaitable<AnswerVerdict> check_answer(Executor executor, std::filesystem::path command, std::string schema,
                                      std::string answer);

}  // namespace ar::daemon
