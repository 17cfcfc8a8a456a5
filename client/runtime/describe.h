// Describes what this program registers, as JSON: functions, classes, workloads.
#pragma once

#include <string>

namespace rayd::client {

/// Set to a descriptor's number, it makes a program linked with rayclient write its description
/// there in place of running main, and exit with 0; with 1 if its registrations clash.
inline constexpr char kDescribeVariable[] = "RAYD_DESCRIBE_FD";

/// {"functions":[{"name","type","parameters":[…],"result"}],
///  "classes":[{"name","factories":[{"name","type","parameters"}],
///              "methods":[{"name","type","parameters","result"}]}],
///  "workloads":[…]}, the latter as ray::to_json(WorkloadInfo) has them.
std::string describe_program();

/// In place of main.
int describe_main(int fd);

}  // namespace rayd::client
