#include "adapters/claude/record_files.hpp"

#include "adapters/record_name.hpp"

#include <algorithm>

namespace ar::adapters::claude {
namespace fs = std::filesystem;

std::vector<RecordFile> record_files(fs::path const& transcript) {
  std::error_code ec;
  if (!fs::is_regular_file(fs::symlink_status(transcript, ec))) return {};
  std::vector<RecordFile> files;
  auto const project = transcript.parent_path();
  auto const folder = project / transcript.stem();
  bool const is_folder = fs::is_directory(fs::symlink_status(folder, ec));
  for (fs::recursive_directory_iterator at(is_folder ? folder : fs::path(), ec), end; !ec && at != end;
       at.increment(ec)) {
    std::error_code gone;
    if (fs::is_regular_file(at->symlink_status(gone)))
      files.push_back({at->path().lexically_relative(project).generic_string(), at->path()});
  }
  std::ranges::sort(files, {}, &RecordFile::name);
  files.insert(files.begin(), RecordFile{transcript.filename().string(), transcript});
  return files;
}

fs::path record_place(fs::path const& transcript, std::string const& name) {
  if (name == transcript.filename().string()) return transcript;
  if (!is_record_name(name) || !name.starts_with(transcript.stem().string() + "/")) return {};
  return transcript.parent_path() / name;
}

}  // namespace ar::adapters::claude
