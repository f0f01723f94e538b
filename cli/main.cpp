#include "cli/command.hpp"
#include "cli/text.hpp"

#include <string>
#include <vector>

int main(int argc, char** argv) {
  ar::cli::use_utf8();
  ar::cli::Program program;
  ar::cli::add_families(program);
  return program.run(std::vector<std::string>(argv + 1, argv + argc));
}
