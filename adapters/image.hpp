// Which attachments a model is shown as images, by providers whose protocol has them.
#pragma once
#include <cstddef>
#include <string_view>

namespace ar::adapters {

/// Of one message together: they stay in the conversation, and go to the model's API again with each turn.
constexpr std::size_t kMostImageBytes = 16U << 20;

/// PNG, JPEG, GIF or WebP, by its first bytes: what the APIs of models take. A name or a media type is what its sender
/// says.
bool is_image(std::string_view bytes);

}  // namespace ar::adapters
