set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

# ar_room(NAME PUBLIC a.hpp ... SOURCES a.cpp ... DEPENDS target ...)
#
# One static library per room. Other rooms see only the headers named PUBLIC, and only if they name the room in
# DEPENDS: each room has an include directory of its own made of links to just those headers, so an include against
# DESIGN's arrows does not compile. A room's own files see all of it. Headers are always included as "room/file.hpp".
function(ar_room name)
  cmake_parse_arguments(ROOM "" "" "PUBLIC;SOURCES;DEPENDS" ${ARGN})
  ar_room_public(${name} ${ROOM_PUBLIC})
  add_library(ar_${name} STATIC ${ROOM_SOURCES})
  ar_room_inside(ar_${name} ${name})
  target_include_directories(ar_${name} PUBLIC ${CMAKE_BINARY_DIR}/rooms/${name})
  target_precompile_headers(ar_${name} REUSE_FROM ar_precompiled_programs)
  target_link_libraries(ar_${name} PRIVATE ar_options PUBLIC ${ROOM_DEPENDS})
endfunction()

# Makes further headers of ROOM public; they are named relative to the room's folder.
function(ar_room_public room)
  set(public_dir ${CMAKE_BINARY_DIR}/rooms/${room})
  foreach(header IN LISTS ARGN)
    if(NOT EXISTS ${CMAKE_SOURCE_DIR}/${room}/${header})
      message(FATAL_ERROR "room ${room}: public header ${header} does not exist")
    endif()
    get_filename_component(folder ${public_dir}/${room}/${header} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${room}/${header} ${public_dir}/${room}/${header} SYMBOLIC)
  endforeach()
endfunction()

# Lets TARGET include every file of ROOM, private ones too: for the room itself and for its own tests.
function(ar_room_inside target room)
  set(inside ${CMAKE_BINARY_DIR}/rooms-inside/${room})
  file(MAKE_DIRECTORY ${inside})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${room} ${inside}/${room} SYMBOLIC)
  target_include_directories(${target} PRIVATE ${inside})
endfunction()
