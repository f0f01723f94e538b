// Whatever a message holds, it arrives once and as it is. AR_MESSAGES and AR_BYTES set how many and how long (default:
// 6 of 100 000), AR_SEED which.
#include "adapters/envelope.hpp"
#include "command/command_lab.hpp"
#include "support/hostile_text.hpp"

#include <algorithm>

using namespace ar;
using namespace ar::test;

namespace {

std::size_t setting(char const* name, std::size_t otherwise) {
  auto const* const given = std::getenv(name);
  return given ? static_cast<std::size_t>(std::atoll(given)) : otherwise;
}

}  // namespace

TEST_CASE("HostileTextsArriveOnceAndAsTheyAre") {
  auto const messages = setting("AR_MESSAGES", 6), bytes = setting("AR_BYTES", 100'000);
  HostileText texts;
  Lab lab;
  lab.with_host(
      [&]() -> awaitable<void> {
        for (std::string const paste : {"bracketed", "plain"}) {
          CAPTURE(paste);
          auto const folder = lab.dir.path() / paste;
          std::filesystem::create_directory(folder);
          auto options = json::parse(R"({"ready":{"pattern":"^ready"},"proof":{"pattern":"took {correlation_id}"}})");
          options["paste"] = paste;
          options["command"] = {AR_RECORDER, folder.string(), paste == "plain" ? "lines" : paste};
          if (paste == "bracketed") options["max_inline_bytes"] = 1 << 20;
          Agent agent(lab, paste, options);
          co_await agent.start();
          std::map<std::string, std::string> sent;
          std::size_t as_files = 0;
          for (std::size_t i = 0; i < messages; ++i) {
            // Every other line goes inline in the plain way, too.
            bool const one_line = paste == "plain" && i % 2 == 0;
            auto prompt = agent.prompt({});
            Envelope const header = frame(prompt, {});
            auto const before = header.text.find('\n') + 1;
            prompt.body = one_line ? texts.make(HostileText::Kind::line, std::min<std::size_t>(bytes, 1'500), before)
                                   : texts.make(HostileText::Kind::text, bytes, before);
            sent.emplace(prompt.correlation_id, prompt.body);
            SubmitResult submission;
            co_await agent.submit(prompt, submission);
            REQUIRE_MESSAGE(submission.outcome == SubmitOutcome::accepted, submission.reason << "\n"
                                                                                             << submission.screen);
            as_files += std::filesystem::exists(prompt.body_file);
          }
          std::size_t exact = 0, files = 0;
          for (auto const& entry : std::filesystem::directory_iterator(folder)) {
            ++files;
            auto const found = sent.find(entry.path().filename().string());
            exact += found != sent.end() && slurp(entry.path()) == found->second;
          }
          CHECK(exact == messages);
          CHECK(files == messages);
          MESSAGE(paste << ": " << messages << " messages of up to " << bytes << " bytes: exact and once " << exact
                        << ", as a file " << as_files);
          CHECK(as_files == (paste == "plain" ? messages / 2 : 0));
          co_await agent.stop();
        }
        CHECK_FALSE(std::filesystem::exists(lab.dir.path() / "must-not-exist"));
      },
      300s);
}
