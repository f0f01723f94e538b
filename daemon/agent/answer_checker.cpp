#include "daemon/agent/answer_checker.hpp"

#include "base/process/run_program.hpp"
#include "base/unicode.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace ar::daemon {
using namespace std::chrono_literals;
using Says = AnswerVerdict::Says;
namespace {

constexpr auto kPatience = 15s;
constexpr std::size_t kMostSaid = 4000;

/// A file in memory, to be read from its beginning.
struct MemoryFile {
  explicit MemoryFile(std::string const& text) : descriptor(::memfd_create("answer", MFD_CLOEXEC)) {
    auto const size = static_cast<ssize_t>(text.size());
    whole = descriptor >= 0 && ::write(descriptor, text.data(), text.size()) == size;
    if (whole) ::lseek(descriptor, 0, SEEK_SET);
  }
  ~MemoryFile() {
    if (descriptor >= 0) ::close(descriptor);
  }
  MemoryFile(MemoryFile const&) = delete;
  MemoryFile& operator=(MemoryFile const&) = delete;

  int const descriptor;
  bool whole = false;
};

}  // namespace

awaitable<AnswerVerdict> check_answer(Executor executor, std::filesystem::path command, std::string schema,
                                      std::string answer) {
  if (answer.size() > kMostAnswerBytes) {
    std::string const most = std::to_string(kMostAnswerBytes >> 10);
    co_return AnswerVerdict{Says::does_not_fit, "it is longer than " + most + " KiB"};
  }
  json const question = {{"schema", std::move(schema)}, {"answer", std::move(answer)}};
  MemoryFile const file(to_text(question));
  if (!file.whole) co_return AnswerVerdict{Says::cannot_tell, "there is no file or no memory left for its check"};
  SpawnSpec spec;
  spec.executable = std::move(command);
  spec.arguments = {"__check_answer"};
  spec.in = file.descriptor;
  auto const ended = co_await run_program(std::move(executor), std::move(spec), kPatience);
  if (!ended) co_return AnswerVerdict{Says::cannot_tell, ended.error().message};
  switch (ended->status) {
    case 0: co_return AnswerVerdict{Says::fits, {}};
    case 1: co_return AnswerVerdict{Says::does_not_fit, std::string(cut_utf8(ended->said, kMostSaid))};
    case 2: co_return AnswerVerdict{Says::bad_schema, std::string(cut_utf8(ended->said, kMostSaid))};
    default: co_return AnswerVerdict{Says::cannot_tell, "its check was given up: it takes too much time or memory"};
  }
}

}  // namespace ar::daemon
