// The SHA-256 of what comes in parts; of a whole text, sha256_hex (base/ids.hpp).
#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace ar {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(std::string_view part);
  /// In lower-case hex. Once, at the end.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ar
