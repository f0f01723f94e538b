// For std::visit: one lambda for each alternative, and a compiler that says when one is missing.
#pragma once

namespace ar {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

}  // namespace ar
