#include "relay/first_token.hpp"

#include "base/ids.hpp"
#include "base/paths.hpp"

namespace ar::relay {

awaitable<Result<std::string>> first_token(Bus& bus, std::filesystem::path file, std::string profile) {
  auto kept = read_file(file, 4096);
  if (!kept && kept.error().code != "file_not_found") co_return kept.error();
  if (kept) {
    auto token = kept->substr(0, kept->find_first_of(" \r\n"));
    auto const known = co_await bus.check_token(token);
    if (known) co_return token;
    if (known.error().kind != ErrorKind::unauthorized) co_return known.error();
  }
  TokenScope everything;
  everything.rights.emplace_back("*");
  auto const issued = co_await bus.issue_token(std::move(profile), std::move(everything), std::nullopt);
  if (!issued) co_return issued.error();
  if (auto const written = write_file_to_disk(file, issued->token + "\n"); !written) co_return written.error();
  co_return issued->token;
}

Result<std::string> local_token(std::filesystem::path const& file) {
  auto const kept = read_file(file, 4096);
  if (!kept && kept.error().code != "file_not_found") return kept.error();
  if (kept)
    if (auto token = kept->substr(0, kept->find_first_of(" \r\n")); !token.empty()) return token;
  auto token = "art_" + random_hex(32);
  if (auto const written = write_file_to_disk(file, token + "\n"); !written) return written.error();
  return token;
}

}  // namespace ar::relay
