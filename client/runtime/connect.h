// How a program finds its cluster: an address, the machine's running daemon, or one of its own.
#pragma once

#include <memory>

#include "ray/internal/runtime.h"

namespace rayd::client {

/// The factory behind ray::Init (ray::internal::RuntimeFactory): `config.address` or $RAY_ADDRESS
/// ("unix:PATH" or the PATH of a socket; HOST:PORT of a head elsewhere, with the token of
/// $RAYD_TOKEN or $RAYD_TOKEN_FILE), else the user's or the system's running daemon, else a private
/// one-node cluster that ends with this process. Throws RayException.
std::shared_ptr<ray::internal::Runtime> connect(const ray::RayConfig& config);

}  // namespace rayd::client
