// DaemonCore: the state of a running daemon, shared by the files daemon_*.cc.
//
//   daemon.cc          start, the loop, the end
//   daemon_actions.cc  performs what the cores ask for
//   daemon_clients.cc  drivers, sessions, workers: their coming and going
//   daemon_control.cc  what the control lane asks (Control)
//   daemon_peers.cc    other machines (NetworkEvents, TransfersOwner)
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>

#include "daemon/shell/control.h"
#include "daemon/shell/cores.h"
#include "daemon/shell/daemon.h"
#include "daemon/shell/hot_lane.h"
#include "daemon/shell/images.h"
#include "daemon/shell/inline_sessions.h"
#include "daemon/shell/job_book.h"
#include "daemon/shell/journal.h"
#include "daemon/shell/network.h"
#include "daemon/shell/object_store.h"
#include "daemon/shell/process_watch.h"
#include "daemon/shell/rpc_peer.h"
#include "daemon/shell/transfers.h"
#include "daemon/shell/worker_processes.h"

namespace rayd::shell {

class RpcFront;  // rpc_front.h: the socket and its RPC objects

class DaemonCore final : public Control,
                         HotLaneEvents,
                         WorkerEvents,
                         Performer,
                         SessionsOwner,
                         public TransfersOwner,
                         public NetworkEvents {
 public:
  explicit DaemonCore(DaemonOptions options);
  ~DaemonCore() override;

  /// Serves until it is told to stop; the exit status.
  int run();
  /// It ended because this ordinal is over: make another.
  bool begins_anew() const { return begins_anew_; }

  // ---- Control (daemon_control.cc)
  DaemonFacts facts() const override;
  void open_rings(int32_t pid, const std::string& name, const std::string& name_space,
                  Callback<OpenedRings> done) override;
  void open_session(const SessionRequest& request, Callback<OpenedSession> done) override;
  Result<std::shared_ptr<RemoteSession>> resume_session(ClientId client,
                                                        const KeyHash& key) override;
  node::Snapshot node_snapshot() const override { return cores_.node_snapshot(); }
  head::HeadSnapshot head_snapshot() const override { return cores_.head_snapshot(); }
  void submit_job(JobRequest request, Callback<JobId> done) override;
  void cancel_job(JobId job, CancelJob::Force force, Callback<JobId> done) override;
  JobBook& book() override { return book_; }
  EventBook& events() override { return events_; }
  std::optional<JobId> root_job_of(ClientId worker) const override;
  bool is_cancelled(JobId job) const override;
  void add_module(const std::string& name, const ModuleFile& file,
                  Callback<ModuleRow> done) override;
  void put_module(ModuleRow row, Callback<ModuleRow> done) override;
  Images& images() override { return images_; }
  Result<std::string> read_stored(ObjectId object) const override;
  void remove_module(const std::string& name, Callback<std::string> done) override;
  void create_token(TokenRole role, const std::string& label, int64_t lifetime_ms,
                    Callback<std::string> done) override;
  void revoke_token(const std::string& id, Callback<std::string> done) override;
  void stop(StopWorker::How how) override;

  // ---- SessionsOwner
  void on_session_message(ClientId client, ClientMessage&& message) override;
  void on_session_over(ClientId client, const std::string& why) override;
  const Value* stored_value(ObjectId object) const override { return cores_.peek(object); }

  void feed(NodeInput&& input) { cores_.feed(std::move(input)); }
  void feed(HeadInput&& input) { cores_.feed(std::move(input)); }

 private:
  struct Driver {
    std::unique_ptr<ProcessWatch> process;
    JobId job;
  };
  struct Worker {
    int32_t pid = 0;
    ImageHash image;
    JobId job;  // of what it ran last
    std::optional<JobId> root;
    std::string label;                    // what it runs: "square", "Counter"
    std::deque<std::string> last_errors;  // its last lines on standard error
  };
  struct Opening {  // a driver or session that waits for its job
    std::function<void(const ClientReady&)> ready;
  };

  // ---- HotLaneEvents, WorkerEvents (daemon_clients.cc)
  void on_client_message(ClientId client, ClientMessage&& message) override;
  void on_client_corrupt(ClientId client, const std::string& why) override;
  void on_worker_started(ClientId worker, pid_t pid) override;
  void on_worker_failed(ClientId worker, std::string text) override;
  void on_worker_died(ClientId worker, ProcessStatus status) override;
  void on_worker_output(ClientId worker, OutputStream stream, std::string_view line) override;
  void on_keeper_died() override;
  void end_client(ClientId client);
  void start_worker(const StartWorker& order);
  void start_worker_of(const StartWorker& order, const Image& image);
  void fail_worker(ClientId worker, const std::string& why);
  Result<std::vector<rayd::UniqueFd>> worker_channel(ClientId worker);
  std::string label_of(ClientId worker) const;

  // ---- Performer (daemon_actions.cc)
  void perform(NodeAction&& action) override;
  void perform(HeadAction&& action) override;
  void observe(const HeadToNode& message) override;
  void fetch_result(const FetchResult& order);
  /// To the daemon's log, and to the cluster's events.
  void log(Event::Level level, const std::string& name, const std::string& text);
  void log_change(const JobRow& row);

  // ---- the loop (daemon.cc)
  void open_journal();
  void begin();
  NodeOptions node_options() const;
  // ---- NetworkEvents (daemon_peers.cc)
  void on_control_arrival(std::unique_ptr<Arrival> arrival) override;
  void on_bulk_arrival(std::unique_ptr<Arrival> arrival) override;
  void on_peer_message(NodeId from, PeerMessage&& message) override;
  void on_head_message(HeadToNode&& message) override;
  void on_head_refused(const HelloRefused& why) override;
  void on_head_unreachable(const Error& why) override;
  void on_member_message(NodeId from, NodeToHead&& message) override;
  void on_joins(uint64_t session, Announce&& announce) override;
  void on_returns(uint64_t session) override;
  void on_member_lost(NodeId member) override;
  std::optional<KeyHash> member_key(NodeId member) const override;
  std::optional<HelloRefused> may_join(const KeyHash& key,
                                       const std::optional<HelloToken>& token) override;
  uint64_t epoch() const override;
  void on_peer_event(Event::Level level, const std::string& name, const std::string& text) override;
  // ---- TransfersOwner (daemon_peers.cc)
  std::optional<Extent> copy_here(ObjectId object) const override;
  std::optional<std::pair<DialTarget, Hello>> bulk_target(NodeId node) const override;
  void on_pulled(const Pulled& pulled) override;
  void on_pull_failed(const PullFailed& failed) override;
  void on_transfer_event(Event::Level level, const std::string& name,
                         const std::string& text) override;
  PlainBulk plain_bulk() const;
  std::optional<HelloRefused> judge_bulk(const Arrival& arrival) const;
  void learn(const HeadToNode& message);
  void open_network();
  /// A request to the head, whose reply only says whether it was done: `done` gets `value` then.
  template <class T>
  uint64_t request(T value, Callback<T> done);
  void join();
  std::variant<RpcPeer, HelloRefused> judge(const Arrival& arrival);
  void on_welcome(const Welcome& welcome);
  void fail_to_start(const Error& why);
  void begin_anew(const std::string& why);
  void leave();
  void watch_signals();
  void watch_owner();
  bool serves() const;
  void say_ready(const std::string& line);
  bool drain();
  void sleep_until(std::optional<Time> deadline);
  void shut_down();

  DaemonOptions options_;
  boost::asio::io_context io_;
  boost::asio::steady_timer timer_;
  boost::asio::signal_set signals_;
  std::unique_ptr<ProcessWatch> owner_;
  ObjectStore store_;
  Images images_;
  JobBook book_;
  EventBook events_;
  BatchClock clock_;
  Duration spin_budget_;
  Cores cores_;
  HotLane hot_;
  InlineSessions sessions_;
  WorkerProcesses processes_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<RpcFront> rpc_;
  std::unique_ptr<Network> network_;  // none: this machine alone
  std::unique_ptr<Transfers> transfers_;

  std::map<ClientId, Driver> drivers_;
  std::map<ClientId, Worker> workers_;
  std::map<ClientId, Opening> openings_;
  std::map<uint64_t, Callback<JobId>> requests_;  // to the head
  uint32_t next_serial_ = 2;                      // even: drivers and sessions
  uint64_t next_request_ = 1;
  uint64_t next_operation_ = 1;
  int64_t started_unix_ms_ = 0;
  bool stopping_ = false;
  Time join_deadline_;
  uint64_t epoch_ = 0;        // that this node heard last
  bool begins_anew_ = false;  // as another ordinal, once this has ended
  enum class Membership : uint8_t { kStays, kLeaves, kLeft };
  Membership membership_ = Membership::kStays;
  int exit_status_ = 0;
};

int64_t unix_ms_now();

}  // namespace rayd::shell
