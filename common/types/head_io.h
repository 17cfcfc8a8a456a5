// The inbox and the actions of the head core.
//
// An action with `after` > 0 leaves only when the journal has committed that record: no message of
// the head depends on an uncommitted row (protocols.md P3 invariant v).
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/types/head_messages.h"
#include "common/types/token.h"

namespace rayd {

// ---- what is journalled: keyed rows, latest wins; an empty row deletes
// ------------------------------

struct JobRow {
  JobId job;
  std::string name;
  std::string workload;
  std::string name_space;
  JobState state = JobState::kPending;
  NodeId node;
  uint32_t attempt = 0;
  int32_t retries_left = 0;
  std::string result_json;  // set when succeeded
  ErrorRef error;           // set when failed
  int64_t submitted_unix_ms = 0;
  int64_t ended_unix_ms = 0;
  ClientId driver;  // a driver outside the cluster; {0,0}: a submitted workload
  /// kYes while it runs: its end is on the way, and will be kCancelled whatever the root says.
  enum class CancelAsked : bool { kNo, kYes };
  CancelAsked cancel_asked = CancelAsked::kNo;
  // Of a submitted workload, until it has ended: what a restarted head runs again.
  TemplateRef root;
  std::vector<Arg> args;  // values
  OperationId operation;  // of its submit; nil: it has no name
};
struct ActorRow {
  ActorInfo info;
  NodeId owner;
  std::vector<Arg> args;  // resolved; journalled for detached actors
  std::vector<Value> values;
};
struct ModuleRow {
  std::string name;
  ImageHash hash;  // all zero: the row deletes
  std::string file_name;
  std::string description_json;  // functions, classes, workloads (rayd-worker --describe)
};
/// A node whose daemon also runs the head dies with it.
enum class BesideHead : bool { kNo, kYes };
struct NodeRow {
  NodeId node;
  std::string name;                     // empty: the row deletes
  NodeState state = NodeState::kAlive;  // kAlive or kDead
  uint64_t m = 0;                       // kDead: the membership version that says so
  BesideHead beside_head = BesideHead::kNo;
  KeyHash identity;
};
struct MembershipRow {
  ClusterId cluster;
  uint64_t epoch = 0;
  uint64_t m = 0;
  uint32_t next_node = 1;
  uint32_t next_job = 1;  // a bound: numbers below it may be in use
  uint64_t settled = 0;
};
/// A placement group; without bundles the row deletes.
struct GroupRow {
  GroupInfo info;
  JobId job;  // whose end removes it, unless it is detached
};
/// One that names a token and is all zero else deletes.
using JournalRow =
    std::variant<JobRow, ActorRow, ModuleRow, NodeRow, MembershipRow, TokenRow, GroupRow>;

// ---- inputs
// ---------------------------------------------------------------------------------------

struct HeadTick {};
/// A node's session is open: in process, or (a later issue) over TLS.
struct NodeConnected {
  uint64_t session = 0;
};
struct NodeDisconnected {
  NodeId node;
};
struct FromNode {
  NodeId node;
  NodeToHead message;
};
/// A new node asks for its ordinal; its session is told by Welcome.
struct NodeJoins {
  uint64_t session = 0;
  Announce announce;
  BesideHead beside_head = BesideHead::kNo;
};
/// The journal holds every record up to `number`.
struct Committed {
  uint64_t number = 0;
};
/// From the control lane. Replies carry the same `request`.
struct SubmitJob {
  uint64_t request = 0;
  OperationId operation;
  std::string name;
  std::string workload;  // registered name, already resolved
  std::string name_space;
  TemplateRef root;       // kJobRoot: function = the workload's entry
  std::vector<Arg> args;  // values only
  int32_t retries = 0;
  int64_t now_unix_ms = 0;
  enum class QueueIfInfeasible : bool { kNo, kYes };
  QueueIfInfeasible queue = QueueIfInfeasible::kNo;
};
struct CancelJob {
  uint64_t request = 0;
  JobId job;
  int64_t now_unix_ms = 0;
  enum class Force : bool { kNo, kYes };
  Force force = Force::kNo;
};
struct PutModule {
  uint64_t request = 0;
  ModuleRow row;
};
struct RemoveModule {
  uint64_t request = 0;
  std::string name;
};
struct PutToken {
  uint64_t request = 0;
  TokenRow row;
};
struct RevokeToken {
  uint64_t request = 0;
  TokenId token;
  int64_t now_unix_ms = 0;
};
/// The answer to FetchResult.
struct ResultFetched {
  JobId job;
  std::string text;
  ErrorRef error;
};

using HeadInput = std::variant<HeadTick, NodeConnected, NodeDisconnected, FromNode, NodeJoins,
                               Committed, SubmitJob, CancelJob, PutModule, RemoveModule, PutToken,
                               RevokeToken, ResultFetched>;

// ---- actions
// --------------------------------------------------------------------------------------

struct ToNode {
  NodeId node;
  HeadToNode message;
};
struct ToJoiner {
  uint64_t session = 0;
  Welcome welcome;
};
struct Append {
  uint64_t number = 0;
  JournalRow row;
};
/// The answer to a control-lane request.
struct RequestReply {
  uint64_t request = 0;
  ErrorRef error;
  JobId job;
};
/// Bring the bytes of a job's result from the store of the node where its root ran: too long to
/// travel in a message. The answer is ResultFetched.
struct FetchResult {
  JobId job;
  NodeId node;
  ObjectId object;
  uint64_t size = 0;
};
/// A job's row changed: `submit` and `wait` that follow it are told.
struct JobChanged {
  JobRow row;
};
struct HeadEvent {
  std::string name;
  std::string text;
};
struct HeadAction {
  uint64_t after = 0;  // leaves when Committed(after); 0: at once
  std::variant<ToNode, ToJoiner, Append, RequestReply, FetchResult, JobChanged, HeadEvent> what;
};

struct HeadContext {
  Time now;
  Random& random;
  std::vector<HeadAction>& out;
  int64_t unix_ms = 0;  // the wall clock, for what people read
};

struct HeadOptions {
  ClusterId cluster;  // what a journal without one gets
  Duration suspect_after = Duration::seconds(2);
  Duration dead_after = Duration::millis(4'500);
  Duration restart_backoff = Duration::millis(100);
  Duration restart_backoff_max = Duration::seconds(10);
  Duration cancel_grace = Duration::seconds(5);  // of a job's root that is asked to end
};

}  // namespace rayd
