// Groups: what this node's clients ask of placement groups, and what the node knows of them.
//
// The head has the rows. A node subscribes to each group that its clients await or run calls in,
// and hears of its changes until it is removed.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>

#include "daemon/node/parts.h"

namespace rayd::node {

class Groups {
 public:
  explicit Groups(Parts& parts) : parts_(parts) {}

  void on_request(NodeContext& context, ClientId client, GroupRequest&& message);
  void on_reply(NodeContext& context, GroupReply&& message);
  void on_changed(NodeContext& context, GroupChanged&& message);
  void on_client_gone(ClientId client);
  void reannounce(Announce& announce) const;
  /// Of a head that starts anew: what is not answered.
  void ask_again(NodeContext& context) const;

  /// What is known; nullptr: nothing yet, it is asked for.
  const GroupInfo* need(NodeContext& context, GroupId group);
  const GroupInfo* find(GroupId group) const;

 private:
  struct Asked {
    ClientId client;
    uint64_t request = 0;  // the client's number
    GroupAsked message;
  };

  struct Known {
    GroupInfo info;
    uint64_t version = 0;  // of what was said last
  };

  bool is_being_made(GroupId group) const;
  static std::string fault_in(ClientId client, const GroupRequest& message);
  void await(NodeContext& context, ClientId client, const GroupRequest& message);
  void answer(NodeContext& context, ClientId client, GroupReply&& reply) const;

  Parts& parts_;
  std::map<uint64_t, Asked> asked_;  // by this node's number
  uint64_t last_number_ = 0;
  std::map<GroupId, Known> known_;
  std::set<GroupId> subscribed_;
  std::deque<GroupId> removed_;                               // among the known, oldest first
  std::map<GroupId, std::map<ClientId, uint64_t>> awaiting_;  // a client awaits a group once
};

}  // namespace rayd::node
