// The messages between a node and the head about placement groups. Internal to common/wire.
#pragma once

#include "common/wire/group_values.h"
#include "common/wire/peer_lane_messages.h"

namespace rayd::wire {

void fill(schema::NodeToHead::Builder root, const GroupAsked& message, SentTemplates&);
void fill(schema::NodeToHead::Builder root, const SubscribeGroup& message, SentTemplates&);
void fill(schema::NodeToHead::Builder root, const BundlesReserved& message, SentTemplates&);
void fill(schema::NodeToHead::Builder root, const BundlesRefused& message, SentTemplates&);
void fill(schema::NodeToHead::Builder root, const BundlesCommitted& message, SentTemplates&);
void fill(schema::HeadToNode::Builder root, const ReserveBundles& message, SentTemplates&);
void fill(schema::HeadToNode::Builder root, const CommitBundles& message, SentTemplates&);
void fill(schema::HeadToNode::Builder root, const ReturnBundles& message, SentTemplates&);
void fill(schema::HeadToNode::Builder root, const GroupChanged& message, SentTemplates&);
void fill(schema::HeadToNode::Builder root, const GroupReply& message, SentTemplates&);

GroupAsked read(schema::GroupAsked::Reader reader);
SubscribeGroup read(schema::SubscribeGroup::Reader reader);
BundlesReserved read(schema::BundlesReserved::Reader reader);
BundlesRefused read(schema::BundlesRefused::Reader reader);
BundlesCommitted read(schema::BundlesCommitted::Reader reader);
ReserveBundles read(schema::ReserveBundles::Reader reader);
CommitBundles read(schema::CommitBundles::Reader reader);
ReturnBundles read(schema::ReturnBundles::Reader reader);
GroupChanged read(schema::GroupChanged::Reader reader);

void write_bundles(schema::Announce::Builder builder, const Announce& message);
void read_bundles(schema::Announce::Reader reader, Announce& message);

}  // namespace rayd::wire
