// What every conformance test runs in: ray::Init() before it, ray::Shutdown() after it.
#pragma once

#include "ray/api.h"

class Cluster {
 public:
  Cluster() { ray::Init(); }
  ~Cluster() { ray::Shutdown(); }
  Cluster(const Cluster&) = delete;
};
