// Clients: who is connected to this node (drivers, shell sessions, workers), their templates, job.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/node/parts.h"

namespace rayd::node {

class Clients {
 public:
  explicit Clients(Parts& parts) : parts_(parts) {}

  /// A driver: asks the head for its job; its submits wait until the reply is there.
  void on_connected(NodeContext& context, const ClientConnected& message);
  /// A worker's client side begins with the job and the task it runs for (set by Workers).
  void on_worker(ClientId worker, ImageHash image);
  void on_gone(NodeContext& context, ClientId client);
  void on_template(NodeContext& context, ClientId client, DefineTemplate&& message);
  void on_operation_reply(NodeContext& context, const OperationReply& reply);

  bool is_connected(ClientId client) const;
  /// nullptr: no such template; the session is ended with SessionError.
  TemplateRef find_template(ClientId client, uint32_t id) const;
  /// The job a client works for: a driver's own; a worker's: that of its running task or actor.
  JobId job_of(ClientId client) const;
  std::string name_space_of(ClientId client) const;
  /// A message that no honest client sends: says so to the client and ends its session.
  void refuse(NodeContext& context, ClientId client, std::string reason);

 private:
  Parts& parts_;
};

}  // namespace rayd::node
