#include "base/ids.hpp"

#include <doctest/doctest.h>

using namespace ar;

TEST_CASE("UuidsAreVersionFourAndDiffer") {
  auto const a = new_uuid();
  CHECK(a.size() == 36);
  CHECK(a[14] == '4');
  CHECK(a != new_uuid());
  CHECK(random_hex(5).size() == 10);
}

TEST_CASE("DigestMatchesTheKnownVector") {
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(equal_secrets("same", "same"));
  CHECK_FALSE(equal_secrets("same", "sama"));
  CHECK_FALSE(equal_secrets("same", "sam"));
}

TEST_CASE("NamesThatCouldEscapeAreUnsafe") {
  for (auto good : {"a", "build-1", "A.b_c", "9lives"}) CHECK(is_safe_name(good));
  for (auto bad : {"", "..", ".hidden", "-x", "a/b", "a b", "a:b", "\xC3\xA9", "a\n"}) CHECK_FALSE(is_safe_name(bad));
  CHECK_FALSE(is_safe_name(std::string(65, 'a')));
}
