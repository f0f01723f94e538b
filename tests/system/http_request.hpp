// Requests to a test's daemon, as any program makes them: curl at its socket.
#pragma once
#include "system/installation.hpp"

#include <cstdlib>
#include <string>
#include <vector>

namespace ar::test {

struct HttpAnswer {
  int status = 0;
  std::string head;
  json body;
};

/// What curl prints; `more`: its options.
inline std::string curl(Installation& home, std::string const& method, std::string const& path,
                        std::vector<std::string> more, json const& body) {
  std::vector<std::string> words{"-sS",
                                 "-X",
                                 method,
                                 "--unix-socket",
                                 (home.state() / "run" / "control.sock").string(),
                                 "-H",
                                 "Content-Type: application/json"};
  words.insert(words.end(), more.begin(), more.end());
  if (!body.is_null()) words.insert(words.end(), {"-d", "@-"});
  words.push_back("http://localhost" + path);
  return home.run_program("/usr/bin/curl", words, body.is_null() ? "" : body.dump()).out;
}

/// As the operator.
inline HttpAnswer request(Installation& home, std::string const& method, std::string const& path,
                          json const& body = nullptr, std::vector<std::string> const& headers = {}) {
  std::vector<std::string> more{"-i"};
  for (auto const& header : headers) more.insert(more.end(), {"-H", header});
  auto const said = curl(home, method, path, std::move(more), body);
  HttpAnswer answer;
  auto const end = said.find("\r\n\r\n");
  REQUIRE_MESSAGE(end != std::string::npos, said);
  answer.status = std::atoi(said.substr(said.find(' ')).c_str());
  answer.head = said.substr(0, end);
  answer.body = json::parse(said.substr(end + 4), nullptr, false);
  return answer;
}

/// The server-sent events up to the end.
inline std::string stream(Installation& home, std::string const& method, std::string const& path,
                          json const& body = nullptr) {
  return curl(home, method, path, {"-N", "-H", "Accept: text/event-stream"}, body);
}

}  // namespace ar::test
