#ifndef SQLITE_EFS_CLI_STATUS_PROMETHEUS_H_
#define SQLITE_EFS_CLI_STATUS_PROMETHEUS_H_

#include <nlohmann/json.hpp>
#include <string>

#include "base/status.h"

namespace sqlite_efs::cli {

// What `sqlite-efs status` has found, in Prometheus's text format: the state of the database, not of a process.
Result<std::string> StatusPrometheus(const nlohmann::json& status);

}  // namespace sqlite_efs::cli

#endif  // SQLITE_EFS_CLI_STATUS_PROMETHEUS_H_
