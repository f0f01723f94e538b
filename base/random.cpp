#include "base/random.hpp"

#include <cstdint>
#include <stdexcept>
#include <sys/random.h>

namespace ar {

// From the kernel, without a state of our own: a std::random_device asks the processor what it is each time, which
// traps in a virtual machine (some 20 us, twice for each agent), and an engine would be 2.5 kB for each that asks.
Random real_random() {
  return [] {
    std::uint64_t bits = 0;
    if (::getentropy(&bits, sizeof bits) != 0) throw std::runtime_error("no random bytes from the system");
    return static_cast<double>(bits >> 11) * 0x1p-53;
  };
}

}  // namespace ar
