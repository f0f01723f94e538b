# Compiler settings that hold for every target. Warnings are errors: a warning nobody reads is a bug later.
find_program(AR_CCACHE ccache)
if(AR_CCACHE)
  # Without these, ccache refuses files that use a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${AR_CCACHE})
endif()

set(AR_SANITIZE "" CACHE STRING "address (with undefined behaviour) or thread; empty: none")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

add_library(ar_options INTERFACE)
target_compile_options(ar_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  -Woverloaded-virtual -Wconversion -Wno-sign-conversion -Werror)
# g++ 12 reports these inside Boost and libstdc++ code that it has inlined, not in ours.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(ar_options INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow
    -Wno-array-bounds -Wno-mismatched-new-delete -Wno-stringop-overread)
endif()

if(AR_SANITIZE STREQUAL "address")
  # The four checks left out double g++'s compile time and overlap with the address sanitizer.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=null,alignment,vptr,object-size
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(AR_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(ar_options INTERFACE -Wno-tsan)
  endif()
endif()
