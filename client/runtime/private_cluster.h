// A private one-node cluster: a daemon that this process starts and that ends with it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace rayd::client {

class PrivateCluster {
 public:
  /// Starts `rayd --head --cluster private-PID-N --owner-pid PID` with `head_args` behind, and
  /// returns when it serves.
  static Result<std::unique_ptr<PrivateCluster>> start(const std::vector<std::string>& head_args);
  /// Ends it and waits until it is gone.
  ~PrivateCluster();
  PrivateCluster(const PrivateCluster&) = delete;
  PrivateCluster& operator=(const PrivateCluster&) = delete;

  const std::string& socket() const { return socket_; }

 private:
  PrivateCluster(int pid, std::string socket) : pid_(pid), socket_(std::move(socket)) {}

  int pid_;
  std::string socket_;
};

}  // namespace rayd::client
