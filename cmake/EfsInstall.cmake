# What is installed: into a wheel (component `python`), and for C and C++ (all else), where find_package(sqlite_efs)
# finds it.

# efs_install_python(<target>): beside the Python package's own files.
function(efs_install_python target)
  set(place DESTINATION sqlite_efs COMPONENT python EXCLUDE_FROM_ALL)
  install(TARGETS ${target} RUNTIME ${place} LIBRARY ${place})
endfunction()

efs_install_python(sqlite_efs)
if(EFS_CLI)
  efs_install_python(sqlite-efs)
endif()
if(EFS_PORTABLE)
  install(TARGETS sqlite_efs_https LIBRARY DESTINATION sqlite_efs COMPONENT python EXCLUDE_FROM_ALL OPTIONAL)
endif()
if(SKBUILD OR EFS_SANITIZE)
  return()
endif()

# The engine in one archive. Its user needs to know of SQLite only.
add_library(sqlite_efs_static STATIC $<TARGET_OBJECTS:efs_core> $<TARGET_OBJECTS:efs_vfs_static>)
set_target_properties(sqlite_efs_static PROPERTIES
  OUTPUT_NAME sqlite_efs EXPORT_NAME sqlite_efs LINKER_LANGUAGE CXX)
target_link_libraries(sqlite_efs_static INTERFACE SQLite::SQLite3 Threads::Threads ${CMAKE_DL_LIBS})

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/sqlite_efs)
install(TARGETS sqlite_efs_static EXPORT sqlite_efs
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS sqlite_efs LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(EFS_CLI)
  install(TARGETS sqlite-efs RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES include/sqlite_efs.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT sqlite_efs NAMESPACE sqlite_efs:: FILE sqlite_efsTargets.cmake DESTINATION ${package_folder})

include(CMakePackageConfigHelpers)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/sqlite_efsConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
configure_package_config_file(cmake/sqlite_efsConfig.cmake.in sqlite_efsConfig.cmake
  INSTALL_DESTINATION ${package_folder} PATH_VARS CMAKE_INSTALL_LIBDIR NO_SET_AND_CHECK_MACRO)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/sqlite_efsConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/sqlite_efsConfigVersion.cmake
  DESTINATION ${package_folder})
