#include "e2e/openai_stub.hpp"

#include "base/paths.hpp"

namespace ar::test {

void OpenAiStub::configure(std::filesystem::path const& codex_home) const {
  std::filesystem::create_directories(codex_home);
  auto const text =
      "model = \"gpt-stub\"\nmodel_provider = \"stub\"\n"
      "[model_providers.stub]\nname = \"stub\"\nbase_url = \"http://127.0.0.1:" +
      std::to_string(port()) +
      "/v1\"\nwire_api = \"responses\"\n[analytics]\nenabled = false\n[features]\nplugins = false\n";
  auto const written = write_file(codex_home / "config.toml", text);
  if (!written) throw std::runtime_error(written.error().message);
}

}  // namespace ar::test
