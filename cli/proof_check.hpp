// Whether a proof of a message's delivery (docs/proof.md) holds, by itself and without a daemon.
#pragma once
#include "base/json.hpp"

#include <string>
#include <vector>

namespace ar::cli {

struct ProofFinding {
  enum class Kind { good, bad, open };  ///< open: the document does not tell
  Kind kind;
  std::string text;
};

/// One finding for each thing that a proof claims. The document may be anybody's.
std::vector<ProofFinding> check_proof(json const& proof);
/// Nothing in it is wrong, and the provider's record or the journal shows it.
bool holds(std::vector<ProofFinding> const& findings);

}  // namespace ar::cli
