// Reading and writing the messages of the peer lane. Internal to common/wire: it includes generated
// code. Both throw Malformed for what has no place in a message.
#pragma once

#include <vector>

#include "common/schema/head_to_node.capnp.h"
#include "common/schema/node_to_head.capnp.h"
#include "common/schema/peer.capnp.h"
#include "common/types/head_messages.h"
#include "common/wire/peer_templates.h"
#include "common/wire/peer_values.h"

namespace rayd::wire {

void write_message(schema::PeerMessage::Builder root, const PeerMessage& message,
                   SentTemplates& templates);
void write_message(schema::NodeToHead::Builder root, const NodeToHead& message,
                   SentTemplates& templates);
void write_message(schema::HeadToNode::Builder root, const HeadToNode& message,
                   SentTemplates& templates);

PeerMessage read_peer_message(schema::PeerMessage::Reader root, ReceivedTemplates& templates);
NodeToHead read_node_to_head(schema::NodeToHead::Reader root, ReceivedTemplates& templates);
HeadToNode read_head_to_node(schema::HeadToNode::Reader root, ReceivedTemplates& templates);

void write_view(schema::NodeView::Builder builder, const NodeView& view);
NodeView read_view(schema::NodeView::Reader reader);

// ---- what several of them have ------------------------------------------------------------------

/// A null call is no call.
void write(schema::CallRef::Builder builder, const TemplateRef& call, SentTemplates& templates);
TemplateRef read_call(schema::CallRef::Reader reader, ReceivedTemplates& templates);

void write(schema::Transfer::Builder builder, const Transfer& transfer);
Transfer read_transfer(schema::Transfer::Reader reader);

/// Messages that carry the arguments of a call to run.
template <class Builder, class Message>
void write_arguments(Builder builder, const Message& message) {
  if (!message.args.empty()) {
    write_peer_args(builder.initArgs(checked_count(message.args.size(), kMaxListValues)),
                    message.args, message.values);
  }
  if (message.transfer.token != 0 || !message.transfer.references.empty()) {
    write(builder.initTransfer(), message.transfer);
  }
}
template <class Reader, class Message>
void read_arguments(Reader reader, Message& message) {
  read_peer_args(reader.getArgs(), message.args, message.values);
  if (reader.hasTransfer()) message.transfer = read_transfer(reader.getTransfer());
}

/// Messages that carry what a call came to.
template <class Builder, class Message>
void write_outcome(Builder builder, const Message& message) {
  if (!message.results.empty()) {
    write(builder.initResults(checked_count(message.results.size(), kMaxListValues)),
          message.results);
  }
  if (message.error) write(builder.initError(), *message.error);
  if (message.transfer.token != 0 || !message.transfer.references.empty()) {
    write(builder.initTransfer(), message.transfer);
  }
}
template <class Reader, class Message>
void read_outcome(Reader reader, Message& message) {
  if (reader.hasResults()) message.results = read_peer_values(reader.getResults());
  if (reader.hasError()) message.error = read_error(reader.getError());
  if (reader.hasTransfer()) message.transfer = read_transfer(reader.getTransfer());
}

}  // namespace rayd::wire
