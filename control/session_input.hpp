// What a program sends to a session, out of a request: text, texts or parts, with the texts that come before it.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"
#include "control/api/sessions_api.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace ar::control {

/// Takes `input`, `context`, `metadata` and `outputSchema` out of it. Nothing: there is no input, which is an error
/// where it is `needed`.
Result<std::optional<SessionInput>> take_input(json& request, bool needed);
/// Takes `retention` out of it: its idleTtl ("3m") in ms.
Result<std::optional<std::int64_t>> take_idle_ttl(json& request);
/// Takes `deadline` out of it ("1m" to "6h") and puts it in ms in its place.
Result<void> take_deadline(json& request);
/// A time, or ms since 1970; 0: none is given.
Result<std::int64_t> read_since(std::optional<std::string> const& text);

}  // namespace ar::control
