#include "control/session_input.hpp"

#include "base/base64.hpp"
#include "base/clock.hpp"
#include "base/duration.hpp"
#include "base/http/url.hpp"
#include "base/read_json.hpp"

#include <filesystem>
#include <utility>

namespace ar::control {
namespace {

json take(json& request, char const* name) {
  auto const it = request.find(name);
  if (it == request.end()) return nullptr;
  json value = std::move(*it);
  request.erase(it);
  return value;
}

Result<InputFile> read_file_part(json const& part, std::string const& place) {
  InputFile file;
  file.place = place;
  std::string base64;
  struct {
    char const* name;
    std::string& value;
  } const fields[] = {{"attachment", file.attachment},
                      {"path", file.path},
                      {"base64", base64},
                      {"name", file.name},
                      {"mediaType", file.media_type}};
  for (auto const& field : fields) {
    auto const given = part.find(field.name);
    if (given == part.end() || given->is_null()) continue;
    auto const where = place + "." + field.name;
    if (!given->is_string() || given->get_ref<std::string const&>().empty())
      return invalid(where, where + " must be a string that is not empty");
    field.value = given->get<std::string>();
  }
  int const sources = !file.attachment.empty() + !file.path.empty() + !base64.empty();
  if (sources != 1)
    return invalid(place, place +
                              " must have one of attachment (the id that POST /v1/attachments has answered), base64 "
                              "(the file's bytes) and path (where it lies on the daemon's machine)");
  if (!file.path.empty() && !std::filesystem::path(file.path).is_absolute())
    return invalid(place + ".path", place + ".path must be absolute");
  if (base64.empty()) return file;
  auto bytes = base64_decode(base64);
  if (!bytes) return invalid(place + ".base64", place + ".base64 is no base64");
  file.bytes = std::move(*bytes);
  if (file.name.empty()) file.name = "file";
  return file;
}

Result<void> add_part(SessionInput& input, json const& part, std::string const& place) {
  auto const type = part.is_object() ? part.value("type", json()) : json();
  if (type == "text") {
    auto const text = part.find("text");
    if (text == part.end() || !text->is_string()) return invalid(place + ".text", place + ".text must be a string");
    input.text += (input.text.empty() ? "" : "\n\n") + text->get<std::string>();
    return {};
  }
  if (type != "image" && type != "file") return invalid(place + ".type", place + ".type must be text, image or file");
  auto file = read_file_part(part, place);
  if (!file) return file.error();
  input.files.push_back(std::move(*file));
  return {};
}

Result<void> add(SessionInput& input, json const& given, std::string const& place) {
  if (!given.is_string()) return add_part(input, given, place);
  input.text += (input.text.empty() ? "" : "\n\n") + given.get<std::string>();
  return {};
}

}  // namespace

Result<std::optional<SessionInput>> take_input(json& request, bool needed) {
  auto const given = take(request, "input"), context = take(request, "context"), metadata = take(request, "metadata");
  auto output_schema = take(request, "outputSchema");
  if (given.is_null() && !needed) {
    if (!context.is_null() || !metadata.is_null() || !output_schema.is_null())
      return invalid("input", "input is missing: context, metadata and outputSchema go with it");
    return std::optional<SessionInput>();
  }
  SessionInput input;
  if (metadata.is_object()) input.metadata = metadata;
  input.output_schema = std::move(output_schema);
  for (auto const& text : context)
    if (auto added = add(input, text, "context"); !added) return added.error();
  if (given.is_array()) {
    for (std::size_t i = 0; i < given.size(); ++i)
      if (auto added = add(input, given[i], "input[" + std::to_string(i) + "]"); !added) return added.error();
  } else if (auto added = given.is_string() ? add(input, given, "input") : invalid("input", ""); !added) {
    return invalid("input",
                   "input must be a text, or a list of texts and parts like {\"type\": \"text\", \"text\": ...}");
  }
  if (input.text.empty() && input.files.empty()) return invalid("input", "input is empty");
  return std::optional(std::move(input));
}

Result<std::optional<std::int64_t>> take_idle_ttl(json& request) {
  auto const retention = take(request, "retention");
  auto const text = retention.is_object() ? retention.value("idleTtl", json()) : json();
  if (text.is_null()) {
    auto const own = request.find("idleTtlMs");
    bool const is_given = own != request.end() && !own->is_null();
    return is_given ? std::optional(own->get<std::int64_t>()) : std::nullopt;
  }
  auto const time = parse_duration(text.get<std::string>());
  if (!time) return invalid("retention.idleTtl", "retention.idleTtl must be a time like 3m or 1h");
  return std::optional(time->count());
}

Result<void> take_deadline(json& request) {
  auto const text = take(request, "deadline");
  if (text.is_null()) return {};
  auto const time = parse_duration(text.get<std::string>());
  if (!time || *time < std::chrono::minutes(1) || *time > std::chrono::hours(6))
    return invalid("deadline", "deadline must be a time from 1m to 6h, like 30m");
  request["deadlineMs"] = time->count();
  return {};
}

Result<std::int64_t> read_since(std::optional<std::string> const& text) {
  if (!text) return 0;
  if (auto const number = http::parse_number(*text)) return *number;
  if (auto const time = from_iso8601(*text)) return to_millis(*time);
  return invalid("since", "since must be a time like 2026-01-31T12:00:00.123Z, or ms since 1970");
}

}  // namespace ar::control
