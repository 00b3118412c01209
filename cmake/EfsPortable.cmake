# What is built on Debian 12 for every other Linux: it needs glibc 2.34 or later, libgcc_s, and nothing else.
option(EFS_PORTABLE "Link sqlite_efs.so and sqlite-efs for other machines than this one, as a wheel carries them" OFF)

if(EFS_PORTABLE)
  find_library(EFS_STATIC_SQLITE libsqlite3.a REQUIRED)
  # Where find_package(SQLite3) puts what it finds, and may have put another before.
  set(SQLite3_LIBRARY ${EFS_STATIC_SQLITE} CACHE FILEPATH "" FORCE)
endif()

# efs_portable(<target>): no-op unless EFS_PORTABLE is on. libgcc_s stays shared: it is everywhere, and all of a process
# must unwind with one. Sections that nothing uses are left out; with them goes what calls for a later glibc, such as
# arc4random() in std::random_device.
function(efs_portable target)
  if(EFS_PORTABLE)
    target_link_options(${target} PRIVATE -static-libstdc++ -Wl,--exclude-libs,ALL -Wl,--gc-sections)
  endif()
endfunction()
