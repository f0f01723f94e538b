// The proof of a delivery, with the real CLIs.
#pragma once
#include "system/installation.hpp"

#include <fstream>
#include <string>

namespace ar::test {

/// The provider's own record holds the whole message, and the proof of it holds without the daemon.
inline void check_proven(Installation& home, std::int64_t message) {
  auto const file = home.work() / ("proof-" + std::to_string(message) + ".json");
  auto const proof = home.good({"message", "proof", std::to_string(message)}).out;
  std::ofstream(file) << proof;
  auto const checked = home.run({"--no-start", "verify", file.string()});
  CHECK_MESSAGE(checked.status == 0, checked.out, proof);
  CHECK_MESSAGE(checked.out.find("the line holds the whole message") != std::string::npos, checked.out, proof);
  std::fputs(checked.out.c_str(), stdout);
}

}  // namespace ar::test
