set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

# ar_module(NAME PUBLIC a.hpp ... SOURCES a.cpp ... DEPENDS target ...)
#
# One static library per module. Other modules see only the headers named PUBLIC, and only if they, or those that they
# name in DEPENDS, name the module there: each module has an include directory of its own made of links to just those
# headers, so an include against the arrows (docs/architecture.md) does not compile. A module's own files see all of it.
# Headers are always included as "module/file.hpp". A folder may be a module of its own: its NAME is "module/folder", its
# target ar_module_folder.
function(ar_module name)
  cmake_parse_arguments(MODULE "" "" "PUBLIC;SOURCES;DEPENDS" ${ARGN})
  ar_module_public(${name} ${MODULE_PUBLIC})
  string(REPLACE "/" "_" target ar_${name})
  add_library(${target} STATIC ${MODULE_SOURCES})
  ar_module_inside(${target} ${name})
  target_include_directories(${target} PUBLIC ${CMAKE_BINARY_DIR}/modules/${name})
  target_precompile_headers(${target} REUSE_FROM ar_precompiled_programs)
  target_link_libraries(${target} PRIVATE ar_options PUBLIC ${MODULE_DEPENDS})
endfunction()

# Makes further headers of MODULE public; they are named relative to the module's folder.
function(ar_module_public module)
  set(public_dir ${CMAKE_BINARY_DIR}/modules/${module})
  foreach(header IN LISTS ARGN)
    if(NOT EXISTS ${CMAKE_SOURCE_DIR}/${module}/${header})
      message(FATAL_ERROR "module ${module}: public header ${header} does not exist")
    endif()
    get_filename_component(folder ${public_dir}/${module}/${header} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${module}/${header} ${public_dir}/${module}/${header} SYMBOLIC)
  endforeach()
endfunction()

# Lets TARGET include every file of MODULE, private ones too: for the module itself and for its own tests.
function(ar_module_inside target module)
  set(inside ${CMAKE_BINARY_DIR}/modules-inside/${module})
  get_filename_component(folder ${inside}/${module} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${module} ${inside}/${module} SYMBOLIC)
  target_include_directories(${target} PRIVATE ${inside})
endfunction()
