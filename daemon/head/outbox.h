// Outbox: the head's way out. Rows go to the journal, and whatever is said after a row waits until
// it is committed, so no message depends on a row that a crash could take back.
//
// Messages to one node keep their order, because the record they wait for never falls. Only what is
// latest-wins anyway (lease renewals, views) leaves at once.
#pragma once

#include <utility>

#include "common/types/head_io.h"

namespace rayd::head {

class Outbox {
 public:
  void append(HeadContext& context, JournalRow row) {
    context.out.push_back({0, Append{++last_, std::move(row)}});
  }

  /// Waits for every row appended so far.
  template <class What>
  void emit(HeadContext& context, What what) {
    context.out.push_back({last_ > committed_ ? last_ : 0, std::move(what)});
  }
  template <class Message>
  void to_node(HeadContext& context, NodeId node, Message message) {
    emit(context, ToNode{node, HeadToNode{std::move(message)}});
  }
  template <class Message>
  void to_node_at_once(HeadContext& context, NodeId node, Message message) {
    context.out.push_back({0, ToNode{node, HeadToNode{std::move(message)}}});
  }

  void on_committed(uint64_t number) { committed_ = number; }

 private:
  uint64_t last_ = 0;
  uint64_t committed_ = 0;
};

}  // namespace rayd::head
