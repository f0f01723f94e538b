#include "model/memory.hpp"

#include "base/ids.hpp"
#include "base/unicode.hpp"
#include "base/words.hpp"

namespace ar {
namespace {
constexpr std::size_t kMostKeyBytes = 256;
}  // namespace

std::string memory_key_problem(std::string_view key) {
  if (key.size() > kMostKeyBytes) return "has more than 256 bytes";
  // Many clients take them out of a path before they send it, encoded or not.
  if (key == "." || key == "..") return "is \".\" or \"..\", which paths cannot hold";
  return line_problem(key);
}

Error invalid_memory_id(std::string field) {
  return invalid(std::move(field),
                 "an id in the memory has 1 to 64 letters, digits, '.', '_' or '-', and begins with a letter or digit");
}

Result<MemoryAddress> read_memory_address(std::string_view text, std::string const& field) {
  auto const first = text.find('/');
  auto const second = first == std::string_view::npos ? first : text.find('/', first + 1);
  auto const shown = "\"" + std::string(cut_utf8(text, 80)) + "\"";
  if (second == std::string_view::npos) return invalid(field, shown + " names no entry; write SCOPE/ID/KEY");
  MemoryAddress address{std::string(text.substr(0, first)), std::string(text.substr(first + 1, second - first - 1)),
                        std::string(text.substr(second + 1))};
  if (!has_word(kMemoryScopes, address.scope))
    return invalid(field, shown + " begins with no scope; these are agent, user and shared");
  if (!is_safe_name(address.id)) return invalid_memory_id(field);
  if (auto const problem = memory_key_problem(address.key); !problem.empty())
    return invalid(field, "the key of " + shown + " " + problem);
  return address;
}

std::string to_string(MemoryAddress const& address) { return address.scope + "/" + address.id + "/" + address.key; }

}  // namespace ar
