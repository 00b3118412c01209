# efs_layer_sources(<sources> <tests> <layer>...): the .cc files of these folders of src/, unit tests apart.
# CONFIGURE_DEPENDS: a new file joins at the next build, with no edit here.
function(efs_layer_sources sources_out tests_out)
  set(sources)
  set(tests)
  foreach(layer IN LISTS ARGN)
    file(GLOB layer_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/${layer}/*.cc)
    set(layer_tests ${layer_sources})
    list(FILTER layer_tests INCLUDE REGEX "_test\\.cc$")
    list(FILTER layer_sources EXCLUDE REGEX "_test\\.cc$")
    list(APPEND sources ${layer_sources})
    list(APPEND tests ${layer_tests})
  endforeach()
  set(${sources_out} ${sources} PARENT_SCOPE)
  set(${tests_out} ${tests} PARENT_SCOPE)
endfunction()

# efs_scope(<target> <out>): PUBLIC, or INTERFACE where the target has no source of its own.
function(efs_scope target out)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    set(${out} INTERFACE PARENT_SCOPE)
  else()
    set(${out} PUBLIC PARENT_SCOPE)
  endif()
endfunction()

function(efs_link target)
  efs_scope(${target} scope)
  target_link_libraries(${target} ${scope} ${ARGN})
endfunction()

function(efs_define target)
  efs_scope(${target} scope)
  target_compile_definitions(${target} ${scope} ${ARGN})
endfunction()

# efs_configure(<target>): what every target of this project has in common.
function(efs_configure target)
  efs_scope(${target} scope)
  target_compile_features(${target} ${scope} cxx_std_20)
  target_include_directories(${target} ${scope} ${CMAKE_CURRENT_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR}/include)
  target_compile_definitions(${target} ${scope} SQLITE_EFS_VERSION="${EFS_VERSION}")
  if(scope STREQUAL "INTERFACE")
    return()
  endif()
  target_compile_options(${target} PRIVATE -Wall -Wextra -Werror)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
  if(EFS_SANITIZE)
    # A sanitizer's instrumentation is what takes time to optimise and to describe: half of both is enough for a test.
    target_compile_options(${target} PRIVATE
      -O1 -g1 -fsanitize=${EFS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${EFS_SANITIZE})
  endif()
  if(EFS_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# efs_configure_tests(<target>): what is used once and never measured is built fast: a test's own code is not optimised,
# and the headers that all tests share are read once.
function(efs_configure_tests target)
  target_compile_options(${target} PRIVATE -O0 -g1)
  # ccache does without, or it would have to be told to trust precompiled headers.
  if(NOT CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache")
    target_precompile_headers(${target} PRIVATE
      <gtest/gtest.h> <atomic> <chrono> <filesystem> <fstream> <functional> <mutex> <span> <thread> <variant>)
  endif()
endfunction()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
# Assertions state invariants in production too: no -DNDEBUG.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
