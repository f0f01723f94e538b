// recorder FOLDER bracketed|lines|late: an agent that keeps the body of each message as FOLDER/ID, and one that
// comes again as FOLDER/ID.again, and then prints "took ID". The late one starts slowly, and then forgets what
// was typed.
#include "support/envelope_reader.hpp"

#include <iostream>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::string const folder = std::string(argv[1]) + "/", mode = argv[2];
  auto const take = [&](std::string const& correlation_id, std::string const& envelope) {
    auto file = folder + correlation_id;
    while (::access(file.c_str(), F_OK) == 0) file += ".again";
    std::ofstream(file, std::ios::binary) << ar::test::body_of(correlation_id, envelope, mode == "lines");
    ar::test::print("took " + correlation_id + "\r\n");
  };
  if (mode == "lines") {
    ar::test::print("ready\r\n");
    for (std::string line; std::getline(std::cin, line);) ar::test::take_envelopes(line, take);
    return 0;
  }
  if (mode == "late") ::usleep(1'200'000);
  ar::test::read_pasted_envelopes(take, mode == "late" ? TCSAFLUSH : TCSANOW);
}
