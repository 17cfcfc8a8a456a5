// Clients: who is connected to this node (drivers, shell sessions, workers), their templates, job.
//
//   driver:  connected ──asks the head for its job──▶ with a job ──▶ gone
//                │ what it says meanwhile waits in order
//   worker:  connected when its process has started; its job is that of what it runs
//
// A client that says what no honest client says is refused: it hears why, and nothing it says after
// that counts.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "daemon/node/parts.h"
#include "daemon/node/snapshot.h"

namespace rayd::node {

/// Empty: an honest client may demand it. Names of bundles' resources are the daemon's own.
std::string mistake_in_demand(const ResourceSet& demand);

class Clients {
 public:
  explicit Clients(Parts& parts) : parts_(parts) {}

  /// A driver: asks the head for its job; what it says until the reply is there waits in order.
  void on_connected(NodeContext& context, const ClientConnected& message);
  /// A worker's client side begins with the job and the task it runs for (set by Workers).
  void on_worker(ClientId worker, ImageHash image);
  void on_gone(NodeContext& context, ClientId client);
  void on_template(NodeContext& context, ClientId client, DefineTemplate&& message);
  void on_operation_reply(NodeContext& context, const OperationReply& reply);
  /// True if on_operation_reply is waited for here.
  bool expects(const OperationId& operation) const;
  /// After a head restart: DriverConnected again, with the job of those who have one.
  void reannounce(NodeContext& context);
  void on_job_ended(JobId job);

  /// What to do with a message now: kWait keeps it (it was moved from), until take_waiting.
  enum class Admission : uint8_t { kNow, kWait, kIgnore };
  Admission admit(NodeContext& context, ClientId client, ClientMessage& message);
  /// The next message of a client that was held back and may be handled now; nullopt: none.
  std::optional<FromClient> take_waiting();

  bool is_connected(ClientId client) const;
  std::vector<ClientId> connected() const;
  /// With the name space of the client's job. nullptr: no such template; the caller refuses the
  /// client.
  TemplateRef find_template(ClientId client, uint32_t id);
  /// The job a client works for: a driver's own; a worker's: that of its running task or actor.
  JobId job_of(ClientId client) const;
  /// Of its job.
  std::string name_space_of(ClientId client) const;
  /// A message that no honest client sends: says so to the client and ends its session.
  void refuse(NodeContext& context, ClientId client, std::string reason);
  void append_to(Snapshot& snapshot) const;

 private:
  struct Session {
    enum class Kind : uint8_t { kDriver, kWorker };
    Kind kind = Kind::kDriver;
    enum class State : uint8_t { kWaitsForJob, kOpen, kRefused };
    State state = State::kOpen;
    std::string name;
    std::string name_space;
    ImageHash image;
    JobId job;
    std::vector<TemplateRef> templates;
    std::deque<ClientMessage> waiting;
  };
  Session* find(ClientId client);
  const Session* find(ClientId client) const { return const_cast<Clients*>(this)->find(client); }
  void ask_for_job(NodeContext& context, ClientId client, const Session& session) const;

  Parts& parts_;
  std::map<ClientId, Session> sessions_;
  ClientId last_client_;  // found last
  Session* last_session_ = nullptr;
  std::deque<ClientId> released_;     // have waiting messages that may be handled now
  std::map<ClientId, Session> gone_;  // drivers, until the head has ended their jobs
};

}  // namespace rayd::node
