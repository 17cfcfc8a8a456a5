// The inside of NodeCore: the parts, and the routes of every input to them.
#pragma once

#include <deque>
#include <optional>

#include "daemon/node/actor_calls.h"
#include "daemon/node/actor_host.h"
#include "daemon/node/assignments.h"
#include "daemon/node/bundles.h"
#include "daemon/node/clients.h"
#include "daemon/node/groups.h"
#include "daemon/node/node_core.h"
#include "daemon/node/objects.h"
#include "daemon/node/store_grants.h"
#include "daemon/node/tasks.h"
#include "daemon/node/workers.h"

namespace rayd::node {

struct NodeCore::State {
  State(NodeOptions&& the_options, NodeCore& core)
      : options(std::move(the_options)), parts{options,     core,       clients,     objects,
                                               store,       tasks,      assignments, workers,
                                               actor_calls, actor_host, groups,      bundles} {}

  // inputs (node_core.cc, node_head.cc)
  void on(NodeContext& context, Tick&& input);
  void on(NodeContext& context, FromClient&& input);
  void on(NodeContext& context, FromPeer&& input);
  void on(NodeContext& context, FromHead&& input);
  void on(NodeContext& context, ClientConnected&& input);
  void on(NodeContext& context, ClientGone&& input);
  void on(NodeContext& context, WorkerStarted&& input);
  void on(NodeContext& context, WorkerStartFailed&& input);
  void on(NodeContext& context, WorkerDied&& input);
  void on(NodeContext& context, SlotRevoked&& input);
  void on(NodeContext& context, Pulled&& input);
  void on(NodeContext& context, PullFailed&& input);

  void work(NodeContext& context);
  void end_client(NodeContext& context, ClientId client);

  // routes (node_routes.cc)
  void dispatch(NodeContext& context, ClientId client, ClientMessage&& message);
  void dispatch(NodeContext& context, NodeId from, PeerMessage&& message);
  void on_cancel(NodeContext& context, ClientId client, const Cancel& message);

  // the head (node_head.cc)
  void on_head(NodeContext& context, Welcome&& message);
  void on_head(NodeContext& context, LeaseRenewed&& message);
  void on_head(NodeContext& context, Views&& message);
  void on_head(NodeContext& context, NodeStateChanged&& message);
  void on_head(NodeContext& context, Settled&& message);
  void on_head(NodeContext& context, StartActor&& message);
  void on_head(NodeContext& context, EndActor&& message);
  void on_head(NodeContext& context, ActorChanged&& message);
  void on_head(NodeContext& context, AnnounceAck&& message);
  void on_head(NodeContext& context, OperationReply&& message);
  void on_head(NodeContext& context, JobEnded&& message);
  void on_head(NodeContext& context, PeerMessage&& message);
  void on_head(NodeContext& context, ReserveBundles&& message);
  void on_head(NodeContext& context, CommitBundles&& message);
  void on_head(NodeContext& context, ReturnBundles&& message);
  void on_head(NodeContext& context, GroupChanged&& message);
  void on_head(NodeContext& context, GroupReply&& message);
  void send_view(NodeContext& context);

  const NodeOptions options;
  std::deque<PeerMessage> own_messages;
  uint64_t epoch = 0;
  uint64_t view_sent = 0;  // version
  std::optional<Time> view_sent_at;
  std::optional<Time> view_due;  // a change waits for its turn
  Parts parts;
  Clients clients{parts};
  Objects objects{parts};
  StoreGrants store{parts};
  Tasks tasks{parts};
  Assignments assignments{parts};
  Workers workers{parts};
  ActorCalls actor_calls{parts};
  ActorHost actor_host{parts};
  Groups groups{parts};
  Bundles bundles{parts};
};

}  // namespace rayd::node
