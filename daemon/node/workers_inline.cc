// The resources of calls that run inside of the waits of others.
#include "daemon/node/workers.h"

namespace rayd::node {

void Workers::begin_inline(Worker& worker, const ResourceSet& demand) {
  worker.outer.push_back({std::move(worker.held), std::move(worker.lent), std::move(worker.gpus),
                          worker.wait, std::move(worker.waits_for), worker.blocked_order});
  worker.lent = {};
  worker.wait = 0;
  worker.waits_for.clear();
  worker.is_blocked = false;
  hold(worker, demand);
}

void Workers::end_inline(Worker& worker) {
  release_innermost(worker);
  resume_outer(worker);
}

void Workers::leave_inline(Worker& worker) {
  worker.left_over.held = std::move(worker.held);
  worker.left_over.gpus = std::move(worker.gpus);
  resume_outer(worker);
}

void Workers::resume_outer(Worker& worker) {
  OuterCall& outer = worker.outer.back();
  worker.held = std::move(outer.held);
  worker.lent = std::move(outer.lent);
  worker.gpus = std::move(outer.gpus);
  worker.wait = outer.wait;
  worker.waits_for = std::move(outer.waits_for);
  worker.blocked_order = outer.blocked_order;
  worker.is_blocked = true;
  worker.is_relieved = false;
  worker.outer.pop_back();
}

void Workers::drop_left_over(Worker& worker) {
  if (!worker.left_over.held.is_zero()) ledger_.release(worker.left_over.held);
  gpus_.give_back(worker.left_over.gpus);
  worker.left_over = {};
}

void Workers::run_left_over(Worker& worker, ShapeId shape) {
  release_innermost(worker);
  worker.held = std::move(worker.left_over.held);
  worker.gpus = std::move(worker.left_over.gpus);
  worker.left_over = {};
  worker.shape = shape;
}

}  // namespace rayd::node
