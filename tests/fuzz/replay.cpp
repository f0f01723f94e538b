// A fuzzer in the tests: FUZZER FOLDER tries each file of the folder as it is, and copies of them that are changed at
// random. AR_SEED, which is printed, gives the same ones again; AR_FUZZ_TRIES says how many (20 000).
#include "fuzz/fuzz.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <unistd.h>

namespace {

constexpr std::size_t kLongest = 64U << 10;
std::string now_tried;  ///< NOLINT: the handler of a signal needs it

std::string file_text(std::filesystem::path const& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void try_one(std::string text) {
  now_tried = std::move(text);
  LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(now_tried.data()), now_tried.size());
}

/// What it died of is kept as a file, which is the next one of the corpus.
void keep_input(int signal) {
  std::ofstream("fuzz-input", std::ios::binary) << now_tried;
  char const said[] = "the input is in the file fuzz-input\n";
  (void)!::write(2, said, sizeof said - 1);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

class Changes {
 public:
  Changes(std::uint64_t seed, std::vector<std::string> const& corpus) : random_(seed), corpus_(corpus) {}

  std::string next() {
    auto text = one_of_corpus();
    for (auto left = 1 + below(4); left > 0; --left) change(text);
    text.resize(std::min(text.size(), kLongest));
    return text;
  }

 private:
  std::size_t below(std::size_t end) { return static_cast<std::size_t>(random_() % end); }
  std::string const& one_of_corpus() { return corpus_[below(corpus_.size())]; }

  void change(std::string& text) {
    static constexpr std::array<std::string_view, 14> kWords{"\n",
                                                             "\033[",
                                                             "\033]0;",
                                                             "\007",
                                                             "\\",
                                                             "\"",
                                                             "{",
                                                             "}}",
                                                             "[[[[",
                                                             "-1",
                                                             "1e400",
                                                             "9223372036854775808",
                                                             "\xe2\x80\xae",
                                                             std::string_view("\0", 1)};
    auto const at = text.empty() ? 0 : below(text.size());
    switch (below(6)) {
      case 0:
        if (!text.empty()) text[at] = static_cast<char>(below(256));
        break;
      case 1:
        if (!text.empty()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 2: text.erase(at, below(16)); break;
      case 3: text.insert(at, kWords.at(below(kWords.size()))); break;
      case 4: text.insert(at, std::string(text.substr(at, below(64)))); break;
      default: {
        auto const& other = one_of_corpus();
        if (!other.empty()) text.replace(at, below(32), other, below(other.size()), below(256));
      }
    }
  }

  std::mt19937_64 random_;
  std::vector<std::string> const& corpus_;
};

std::uint64_t number_in(char const* variable, std::uint64_t otherwise) {
  char const* const text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
  for (int const signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, keep_input);
  std::vector<std::string> corpus{""};
  for (auto const& entry : std::filesystem::directory_iterator(argv[1])) corpus.push_back(file_text(entry.path()));
  std::ranges::sort(corpus);
  if (corpus.size() < 2) return std::fprintf(stderr, "%s holds no file\n", argv[1]), 2;
  for (auto const& text : corpus) try_one(text);

  auto const seed = number_in("AR_SEED", std::random_device{}());
  auto const tries = number_in("AR_FUZZ_TRIES", 20'000);
  std::printf("AR_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  Changes changes(seed, corpus);
  for (std::uint64_t i = 0; i < tries; ++i) try_one(changes.next());
  std::printf("%zu of the corpus and %llu changed ones tried\n", corpus.size(), static_cast<unsigned long long>(tries));
}
