// What people and scripts give to verbs.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ar::cli {

/// All of stdin.
Result<std::string> stdin_input();
/// The word itself, or all of stdin for "-", unchanged. Refuses what is not UTF-8: JSON could not carry it.
Result<std::string> text_input(std::string const& word);
/// "42" for a message.
Result<std::string> message_id(std::string const& word);
/// Digits alone, up to 2^63 - 1; the error names the option.
Result<std::int64_t> number_input(char const* option, std::string const& word);
/// {"K": "V"} from K=V words.
Result<json> environment_input(std::vector<std::string> const& words);
/// Sets object[name] when there is a value.
void set_if(json& object, char const* name, std::optional<std::string> const& value);
void set_if(json& object, char const* name, std::vector<std::string> const& values);

}  // namespace ar::cli
