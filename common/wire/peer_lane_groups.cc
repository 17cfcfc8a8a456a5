#include "common/wire/peer_lane_groups.h"

namespace rayd::wire {
namespace {

using ToHead = schema::NodeToHead::Builder;
using ToNode = schema::HeadToNode::Builder;

/// Which round of which group.
template <class Builder, class Message>
void write_round(Builder builder, const Message& message) {
  write(builder.initGroup(), message.group);
  builder.setRound(message.round);
}

}  // namespace

void fill(ToHead root, const GroupAsked& message, SentTemplates&) {
  auto builder = root.initGroupAsked();
  write(builder.initRequest(), message.request);
  builder.setJob(message.job.value);
}
GroupAsked read(schema::GroupAsked::Reader reader) {
  return {read_group_request(reader.getRequest()), JobId{reader.getJob()}};
}

void fill(ToHead root, const SubscribeGroup& message, SentTemplates&) {
  write(root.initSubscribeGroup().initGroup(), message.group);
}
SubscribeGroup read(schema::SubscribeGroup::Reader reader) {
  return {read_id<GroupId>(reader.getGroup())};
}

void fill(ToHead root, const BundlesReserved& message, SentTemplates&) {
  write_round(root.initBundlesReserved(), message);
}
BundlesReserved read(schema::BundlesReserved::Reader reader) {
  return {read_id<GroupId>(reader.getGroup()), reader.getRound()};
}

void fill(ToHead root, const BundlesRefused& message, SentTemplates&) {
  auto builder = root.initBundlesRefused();
  write_round(builder, message);
  builder.setView(message.view);
}
BundlesRefused read(schema::BundlesRefused::Reader reader) {
  return {read_id<GroupId>(reader.getGroup()), reader.getRound(), reader.getView()};
}

void fill(ToHead root, const BundlesCommitted& message, SentTemplates&) {
  auto builder = root.initBundlesCommitted();
  write_round(builder, message);
  write_view(builder.initView(), message.view);
}
BundlesCommitted read(schema::BundlesCommitted::Reader reader) {
  return {read_id<GroupId>(reader.getGroup()), reader.getRound(), read_view(reader.getView())};
}

void fill(ToNode root, const ReserveBundles& message, SentTemplates&) {
  auto builder = root.initReserveBundles();
  write_round(builder, message);
  auto bundles = builder.initBundles(checked_count(message.bundles.size()));
  for (unsigned i = 0; i < bundles.size(); ++i) {
    bundles[i].setIndex(message.bundles[i].index);
    write(bundles[i].initDemand(), message.bundles[i].demand);
  }
}
ReserveBundles read(schema::ReserveBundles::Reader reader) {
  ReserveBundles message{read_id<GroupId>(reader.getGroup()), reader.getRound(), {}};
  for (const auto entry : checked(reader.getBundles())) {
    message.bundles.push_back({entry.getIndex(), read_resources(entry.getDemand())});
  }
  return message;
}

void fill(ToNode root, const CommitBundles& message, SentTemplates&) {
  write_round(root.initCommitBundles(), message);
}
CommitBundles read(schema::CommitBundles::Reader reader) {
  return {read_id<GroupId>(reader.getGroup()), reader.getRound()};
}

void fill(ToNode root, const ReturnBundles& message, SentTemplates&) {
  write_round(root.initReturnBundles(), message);
}
ReturnBundles read(schema::ReturnBundles::Reader reader) {
  return {read_id<GroupId>(reader.getGroup()), reader.getRound()};
}

void fill(ToNode root, const GroupChanged& message, SentTemplates&) {
  auto builder = root.initGroupChanged();
  write(builder.initInfo(), message.info);
  builder.setVersion(message.version);
}
GroupChanged read(schema::GroupChanged::Reader reader) {
  return {read_group_info(reader.getInfo()), reader.getVersion()};
}

void fill(ToNode root, const GroupReply& message, SentTemplates&) {
  checked_count(message.groups.size());
  write(root.initGroupReply(), message);
}

void write_bundles(schema::Announce::Builder builder, const Announce& message) {
  auto bundles = builder.initBundles(checked_count(message.bundles.size()));
  for (unsigned i = 0; i < bundles.size(); ++i) {
    write_round(bundles[i], message.bundles[i]);
    bundles[i].setCommitted(message.bundles[i].phase == Announce::Bundles::Phase::kCommitted);
  }
  write_ids(builder.initGroups(checked_count(message.groups.size())), message.groups);
}
void read_bundles(schema::Announce::Reader reader, Announce& message) {
  for (const auto entry : checked(reader.getBundles())) {
    message.bundles.push_back({read_id<GroupId>(entry.getGroup()), entry.getRound(),
                               entry.getCommitted() ? Announce::Bundles::Phase::kCommitted
                                                    : Announce::Bundles::Phase::kReserved});
  }
  for (const auto group : checked(reader.getGroups())) {
    message.groups.push_back(read_id<GroupId>(group));
  }
}

}  // namespace rayd::wire
