// What a node and the head offer each other (control.capnp: NodeControl, HeadForNode).
#pragma once

#include "common/schema/control.capnp.h"
#include "daemon/shell/control.h"

namespace rayd::shell {

class ClusterLinks;

/// At a node, for the head.
schema::NodeControl::Client make_node_control(Control& control);
/// At the head, for that member.
schema::HeadForNode::Client make_head_for_node(Control& control, ClusterLinks& links,
                                               NodeId member);

}  // namespace rayd::shell
