# Every library the project links; README.md says what each is for.
find_package(Boost 1.81 REQUIRED COMPONENTS filesystem)
find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto SSL)
find_package(PkgConfig REQUIRED)
find_package(CLI11 REQUIRED)
find_package(LibArchive REQUIRED)
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(NATS REQUIRED IMPORTED_TARGET libnats)  # Debian's package for find_package names absent files
# Debian's package brings neither a CMake nor a pkg-config file.
find_library(AR_CCTZ cctz REQUIRED)
find_path(AR_CCTZ_INCLUDE cctz/time_zone.h REQUIRED)
if(AR_TESTS)
  find_package(doctest REQUIRED)
endif()

# Boost compiled once (base/boost.cpp) instead of in every file that includes it.
add_library(ar_boost INTERFACE)
target_link_libraries(ar_boost INTERFACE Boost::boost Boost::filesystem Threads::Threads OpenSSL::Crypto)
target_compile_definitions(ar_boost INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_PROCESS_V2_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)
