// A zip archive that is made while it is sent: what goes in comes out compressed, a part at a time. On one thread at a
// time.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ar {

class ZipStream {
 public:
  ZipStream();
  ~ZipStream();

  Result<void> add_folder(std::string const& name, WallTime at);
  /// `bytes`: that will be added, no more and no less; nothing: it is not known.
  Result<void> begin_file(std::string const& name, std::optional<std::int64_t> bytes, WallTime at);
  Result<void> add(std::string_view bytes);
  /// The archive is whole once what this leaves has been taken.
  Result<void> finish();
  /// What has come out since the last time.
  std::string take();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ar
