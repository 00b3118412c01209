#include "aws/endpoints.h"

#include <algorithm>
#include <array>

namespace sqlite_efs {
namespace {

struct Partition {
  const char* region_prefix;
  const char* suffix;
  const char* dual_stack_suffix;
};

// botocore's data/partitions.json. The last one is AWS's public regions.
constexpr std::array<Partition, 8> kPartitions = {{
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"us-gov-", "amazonaws.com", "api.aws"},
    {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
    {"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
    {"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
    {"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
    {"", "amazonaws.com", "api.aws"},
}};

}  // namespace

bool IsRegion(const std::string& region) {
  constexpr size_t kMaxHostLabel = 63;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  const bool all_digits = std::ranges::all_of(region, [](char c) { return c >= '0' && c <= '9'; });
  return !region.empty() && region.size() <= kMaxHostLabel && std::ranges::all_of(region, allowed) && !all_digits &&
         region.front() != '-' && region.back() != '-';
}

std::string EndpointUrl(const std::string& service, const std::string& region, EndpointKind kind) {
  const Partition& partition =
      *std::ranges::find_if(kPartitions, [&](const Partition& p) { return region.starts_with(p.region_prefix); });
  // In us-gov the ordinary names are the FIPS ones.
  const bool named_fips = kind.fips && (!region.starts_with("us-gov-") || kind.dual_stack);
  return "https://" + service + (named_fips ? "-fips." : ".") + region + "." +
         (kind.dual_stack ? partition.dual_stack_suffix : partition.suffix) + "/";
}

}  // namespace sqlite_efs
