# Compiler settings that hold for every target. Warnings are errors: a warning nobody reads is a bug later.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR "g++ ${CMAKE_CXX_COMPILER_VERSION} miscompiles coroutines (a daemon built with it crashes); "
    "use a preset, which takes clang++-19: cmake --preset release")
endif()

find_program(AR_CCACHE ccache)
if(AR_CCACHE)
  # Without these, ccache refuses files that use a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${AR_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()

set(AR_SANITIZE "" CACHE STRING "address (with undefined behaviour) or thread; empty: none")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
# What makes an overrun end the process instead of an attacker's way in. Clang makes position independent programs by
# itself. (Not with a sanitizer: it sees more.)
if(NOT AR_SANITIZE)
  add_compile_options(-fstack-protector-strong -fstack-clash-protection $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
endif()

option(AR_FUZZ "Build the fuzzers with libFuzzer" OFF)
if(AR_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

add_library(ar_options INTERFACE)
target_compile_options(ar_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  -Woverloaded-virtual -Wconversion -Wno-sign-conversion -Werror)

if(AR_SANITIZE STREQUAL "address")
  # "function" mistakes calls across shared libraries; the others overlap with the address sanitizer.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=function,null,alignment,vptr,object-size
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(AR_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()
