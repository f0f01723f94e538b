// The search index: what a row costs to add, and a page of results to find, among so many rows of English-like text.
//
//   search_bench [ROWS]
#include "daemon/search/search_table.hpp"
#include "daemon/search/search_words.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <string>

namespace {

using namespace ar;
using daemon::SearchTable;
using SteadyClock = std::chrono::steady_clock;

constexpr int kBatch = 500, kWordsOfRow = 60, kLooks = 50;

double micros_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double, std::micro>(SteadyClock::now() - begin).count();
}

/// Few words are frequent and most are rare, as in any language.
class Words {
 public:
  std::string next() {
    auto const rank = static_cast<int>(std::min(1e5, 1.0 / std::max(1e-5, part_(random_))));
    return "w" + std::to_string(rank);
  }

 private:
  std::mt19937 random_{1};
  std::uniform_real_distribution<double> part_{0, 1};
};

void look(Database& db, char const* what, std::string const& words, std::string const& owner) {
  SearchTable::Query query;
  query.expression = *daemon::match_expression(words);
  query.owner = owner;
  query.agent = owner;
  query.limit = 21;
  std::size_t found = 0;
  std::vector<double> ms;
  for (int i = 0; i < kLooks; ++i) {
    auto const begin = SteadyClock::now();
    found = SearchTable(db).find(query).size();
    ms.push_back(micros_since(begin) / 1000);
  }
  std::ranges::sort(ms);
  std::printf("%-44s %3zu rows   p50 %8.3f ms   max %8.3f ms\n", what, found, ms[ms.size() / 2], ms.back());
}

void bench(std::filesystem::path const& file, int rows) {
  auto opened = Database::open(file, daemon::search_migrations(), false);
  if (!opened) throw std::runtime_error(opened.error().message);
  auto& db = **opened;
  Words words;
  std::vector<SearchTable::Row> all;
  std::size_t bytes = 0;
  for (int i = 0; i < rows; ++i) {
    SearchTable::Row row{.owner = "agent" + std::to_string(i % 10), .at = from_millis(1'700'000'000'000 + i), .seq = i};
    for (int n = 0; n < kWordsOfRow; ++n) row.text += words.next() + " ";
    bytes += row.text.size();
    all.push_back(std::move(row));
  }
  auto const begin = SteadyClock::now();
  for (int i = 0; i < rows; i += kBatch) {
    Transaction transaction(db);
    SearchTable table(db);
    auto const source = table.source("agent", "file", "");
    for (int n = i; n < std::min(rows, i + kBatch); ++n) table.add(source, all[static_cast<std::size_t>(n)]);
    transaction.commit();
  }
  std::printf("%d rows of %zu bytes: %.1f us a row\n", rows, bytes / all.size(), micros_since(begin) / rows);
  db.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  std::printf("on the disk: %.1f times the text\n", double(std::filesystem::file_size(file)) / double(bytes));
  look(db, "a word of every row", "w1", "");
  look(db, "a word of one row in a thousand", "w99999", "");
  look(db, "two words, of which one is frequent", "w2 w5000", "");
  look(db, "a phrase of frequent words", "\"w1 w2 w3\"", "");
  look(db, "what begins so", "w9*", "");
  look(db, "a word of every row, of one agent", "w1", "agent3");
  look(db, "a word of every row, of an agent without any", "w1", "nobody");
  look(db, "what nobody has said", "absent", "");
}

}  // namespace

int main(int argc, char** argv) {
  int const rows = argc > 1 ? std::atoi(argv[1]) : 100'000;
  auto const folder = std::filesystem::temp_directory_path() / ("ar-search-" + std::to_string(std::rand()));
  try {
    bench(folder / "search.db", rows);
  } catch (std::exception const& e) {
    std::fprintf(stderr, "search_bench: %s\n", e.what());
    return 1;
  }
  std::filesystem::remove_all(folder);
}
