# sqlite_efs_https.so: libcurl, with HTTP and HTTPS only, and OpenSSL in one library for the wheel, loaded when AWS is
# spoken to (src/aws/libcurl.h). Built only when it is asked for by its name.
include(ExternalProject)
set(OPENSSL_USE_STATIC_LIBS ON)
find_package(OpenSSL 3.0 REQUIRED)

set(curl_root ${CMAKE_CURRENT_BINARY_DIR}/curl)
set(curl_library ${curl_root}/build/lib/libcurl.a)
# Where certificates are is known at run time only (src/aws/certificates.h), and a configuration for another OpenSSL
# than this one is not read.
set(curl_options
  BUILD_CURL_EXE=OFF BUILD_SHARED_LIBS=OFF BUILD_TESTING=OFF ENABLE_MANUAL=OFF PICKY_COMPILER=OFF
  CURL_HIDDEN_SYMBOLS=OFF
  HTTP_ONLY=ON CURL_USE_OPENSSL=ON OPENSSL_USE_STATIC_LIBS=ON CURL_DISABLE_OPENSSL_AUTO_LOAD_CONFIG=ON
  CURL_CA_BUNDLE=none CURL_CA_PATH=none ENABLE_THREADED_RESOLVER=ON
  CURL_ZLIB=OFF USE_LIBIDN2=OFF CURL_USE_LIBPSL=OFF CURL_USE_LIBSSH2=OFF CURL_USE_GSSAPI=OFF ENABLE_UNIX_SOCKETS=OFF
  CURL_DISABLE_ALTSVC=ON CURL_DISABLE_COOKIES=ON CURL_DISABLE_CRYPTO_AUTH=ON CURL_DISABLE_DOH=ON
  CURL_DISABLE_GETOPTIONS=ON CURL_DISABLE_HSTS=ON CURL_DISABLE_MIME=ON CURL_DISABLE_NETRC=ON CURL_DISABLE_NTLM=ON
  CURL_DISABLE_PROGRESS_METER=ON)
list(TRANSFORM curl_options PREPEND -D)
# -flto: libcurl appends each byte of a request's head by three calls, across files; compiled as one they become one.
ExternalProject_Add(curl_static
  EXCLUDE_FROM_ALL ON
  PREFIX ${curl_root}
  SOURCE_DIR ${curl_root}/source
  BINARY_DIR ${curl_root}/build
  DOWNLOAD_COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/scripts/fetch-curl ${curl_root}/source
  CMAKE_ARGS ${curl_options} -DCMAKE_BUILD_TYPE=Release -DCMAKE_POSITION_INDEPENDENT_CODE=ON
             "-DCMAKE_C_FLAGS_RELEASE=-O3 -flto -ffat-lto-objects -ffunction-sections -fdata-sections"
  BUILD_COMMAND ${CMAKE_COMMAND} --build . --target libcurl
  INSTALL_COMMAND ""
  BUILD_BYPRODUCTS ${curl_library}
  LOG_CONFIGURE ON LOG_BUILD ON LOG_OUTPUT_ON_FAILURE ON)

# It exports what src/aws/libcurl.cc looks up.
set(curl_user ${CMAKE_CURRENT_SOURCE_DIR}/src/aws/libcurl.cc)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${curl_user})
file(STRINGS ${curl_user} curl_functions REGEX "symbols\\.Find\\(\"")
list(TRANSFORM curl_functions REPLACE "^.*Find\\(\"([^\"]+)\".*$" "\\1")
list(JOIN curl_functions ";\n    " curl_exports)
set(curl_exports_map ${curl_root}/exports.map)
file(CONFIGURE OUTPUT ${curl_exports_map} CONTENT "{\n  global:\n    @curl_exports@;\n  local: *;\n};\n" @ONLY)
list(TRANSFORM curl_functions PREPEND -Wl,-u,)

file(CONFIGURE OUTPUT ${curl_root}/none.cc CONTENT "")
add_library(sqlite_efs_https MODULE EXCLUDE_FROM_ALL ${curl_root}/none.cc)
add_dependencies(sqlite_efs_https curl_static)
set_target_properties(sqlite_efs_https PROPERTIES PREFIX "" LINK_DEPENDS "${curl_exports_map};${curl_library}")
target_link_libraries(sqlite_efs_https PRIVATE ${curl_library} OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
# -Bsymbolic: a program that has an OpenSSL of its own (Node.js) must not lend it functions.
target_link_options(sqlite_efs_https PRIVATE -O3 -flto=auto ${curl_functions} -Wl,--version-script=${curl_exports_map}
  -Wl,-Bsymbolic -Wl,--gc-sections -Wl,--no-undefined -Wl,-z,nodelete)
