// ClusterLinks: the RPC objects that daemons have of each other: the head's for its nodes, and each
// node's for the head (control.capnp: enlist).
//
//   node   head_line ──enlist──▶ HeadForNode   news, images, modules, jobs' sinks
//   head   members[N] ◀──enlist── NodeControl   lists, bytes of results, stop
//
// Lives in the thread of the KjLoop, and is dropped before it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/schema/control.capnp.h"
#include "daemon/shell/control.h"
#include "daemon/shell/rpc_head.h"

namespace rayd::shell {

class ClusterLinks final : private kj::TaskSet::ErrorHandler {
 public:
  ClusterLinks(boost::asio::io_context& io, Control& control);
  ~ClusterLinks();

  // ---- at a node
  void connect_to_head(const TlsContext& context, HeadLine::Target target);
  bool has_head() const { return head_line_ != nullptr; }
  /// It has been reached once.
  bool knows_head() const { return head_for_node_.has_value(); }
  /// The head's Daemon; nullopt where this daemon is the head's. Throws kUnavailable.
  std::optional<schema::Daemon::Client> head();
  /// Throws kUnavailable.
  schema::HeadForNode::Client head_for_node();
  /// For the head's books. Kept while it cannot be reached; the oldest go when there are too many.
  void send(NodeNews news);
  /// Brings an image here; waits for the head to get it, a while.
  void fetch_image(const ImageHash& hash, Callback<ImageHash> done);
  /// Sees to it that the head has an image of ours.
  void offer_image(const ImageHash& hash, Callback<ImageHash> done);
  void publish_module(const ModuleRow& row, Callback<ModuleRow> done);

  // ---- at the head
  /// Of news with these numbers, how many were heard before; the others count as heard from now on.
  size_t heard_before(NodeId member, uint64_t first, size_t count);
  schema::HeadForNode::Client enlist(NodeId member, schema::NodeControl::Client node);
  /// It is dead.
  void forget(NodeId member);
  using Items = capnp::Response<schema::NodeControl::ListResults>;
  /// What every member lists; those that do not answer soon are left out.
  kj::Promise<std::vector<kj::Own<Items>>> gather(const std::string& kind);
  void read_object(NodeId member, ObjectId object, Callback<std::string> done);
  /// Done when they have heard it; those that do not answer soon are left alone.
  kj::Promise<void> stop_members(StopWorker::How how);

 private:
  struct Transfer;

  void taskFailed(kj::Exception&& exception) override;
  kj::Promise<void> fetch_parts(std::shared_ptr<Transfer> transfer);
  kj::Promise<void> offer_parts(std::shared_ptr<Transfer> transfer);
  kj::Promise<void> read_parts(schema::NodeControl::Client node, ObjectId object,
                               std::shared_ptr<std::string> bytes);
  /// Whoever wants the same image waits for the one transfer of it. True: there was none yet.
  using Transfers = std::map<ImageHash, std::vector<Callback<ImageHash>>>;
  static bool begins(Transfers& transfers, const ImageHash& hash, Callback<ImageHash> done);
  static Callback<ImageHash> ends(Transfers& transfers, const ImageHash& hash);
  void flush_news();
  /// Runs it, and tells `done` how it went.
  template <class T>
  void run(kj::Promise<void> work, T value, Callback<T> done);

  boost::asio::io_context& io_;
  Control& control_;
  std::unique_ptr<HeadLine> head_line_;
  std::optional<schema::HeadForNode::Client> head_for_node_;
  Transfers fetches_;
  Transfers offers_;
  std::deque<NodeNews> news_;
  uint64_t first_news_ = 1;  // the number of news_.front()
  bool news_travel_ = false;
  std::map<NodeId, schema::NodeControl::Client> members_;
  std::map<NodeId, uint64_t> heard_;  // of each member's news, at the head
  kj::TaskSet tasks_;
};

}  // namespace rayd::shell
