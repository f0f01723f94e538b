#include "base/random.hpp"

#include <memory>
#include <random>

namespace ar {

Random real_random() {
  return [engine = std::make_shared<std::mt19937_64>(std::random_device{}())] {
    return std::uniform_real_distribution<>(0, 1)(*engine);
  };
}

}  // namespace ar
