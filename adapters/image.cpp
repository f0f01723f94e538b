#include "adapters/image.hpp"

namespace ar::adapters {
using namespace std::string_view_literals;

bool is_image(std::string_view bytes) {
  bool const webp = bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8).starts_with("WEBP");
  return webp || bytes.starts_with("\x89PNG\r\n\x1a\n"sv) || bytes.starts_with("\xff\xd8\xff"sv) ||
         bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a");
}

}  // namespace ar::adapters
