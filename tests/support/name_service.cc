// A name service that gives EFS_TEST_NAME_SERVICE as its answer, a code of getaddrinfo(), for all of AWS's names; for
// LD_PRELOAD. Other names are looked up.
#include <dlfcn.h>
#include <netdb.h>

#include <cstdlib>
#include <string_view>

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** found) {
  using Function = int(const char*, const char*, const addrinfo*, addrinfo**);
  static auto* const real = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  const char* const answer = std::getenv("EFS_TEST_NAME_SERVICE");
  const bool is_amazons = name != nullptr && std::string_view(name).ends_with(".amazonaws.com");
  return answer != nullptr && is_amazons ? std::atoi(answer) : real(name, service, hints, found);
}
