set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

# ar_room(NAME PUBLIC a.hpp ... SOURCES a.cpp ... DEPENDS target ...)
#
# One static library per room. Other rooms see only the headers named PUBLIC, and only if they name the room in
# DEPENDS: each room has an include directory of its own made of links to just those headers, so an include against
# DESIGN's arrows does not compile. A room's own files see all of it. Headers are always included as "room/file.hpp".
function(ar_room name)
  cmake_parse_arguments(ROOM "" "" "PUBLIC;SOURCES;DEPENDS" ${ARGN})
  set(target ar_${name})
  set(public_dir ${CMAKE_BINARY_DIR}/rooms/${name})
  foreach(header IN LISTS ROOM_PUBLIC)
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${header})
      message(FATAL_ERROR "room ${name}: public header ${header} does not exist")
    endif()
    get_filename_component(folder ${public_dir}/${name}/${header} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${header} ${public_dir}/${name}/${header} SYMBOLIC)
  endforeach()
  if(ROOM_SOURCES)
    add_library(${target} STATIC ${ROOM_SOURCES})
    set(kind PUBLIC)
    ar_room_inside(${target} ${name})
    target_link_libraries(${target} PRIVATE ar_options)
  else()
    add_library(${target} INTERFACE)
    set(kind INTERFACE)
  endif()
  target_include_directories(${target} ${kind} ${public_dir})
  target_link_libraries(${target} ${kind} ${ROOM_DEPENDS})
endfunction()

# Lets TARGET include every file of ROOM, private ones too: for the room itself and for its own tests.
function(ar_room_inside target room)
  set(inside ${CMAKE_BINARY_DIR}/rooms-inside/${room})
  file(MAKE_DIRECTORY ${inside})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${room} ${inside}/${room} SYMBOLIC)
  target_include_directories(${target} PRIVATE ${inside})
endfunction()
