// The API for programs: the routes and their schemas as an OpenAPI 3.1 document (docs/openapi.json).
#pragma once
#include "base/json.hpp"

namespace ar::control {

json openapi_document();

}  // namespace ar::control
