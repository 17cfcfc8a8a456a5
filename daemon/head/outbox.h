// Outbox: the head's way out. Rows go to the journal, and whatever is said after a row waits until
// it is committed, so no message depends on a row that a crash could take back.
//
// Messages to one node keep their order, because the record they wait for never falls. At once
// leave what is latest-wins anyway (lease renewals, views), and a driver's job (jobs.h).
#pragma once

#include <utility>

#include "common/types/head_io.h"

namespace rayd::head {

class Outbox {
 public:
  /// Returns the record's number.
  uint64_t append(HeadContext& context, JournalRow row) {
    push(context, 0, Append{++last_, std::move(row)});
    return last_;
  }
  bool is_committed(uint64_t record) const { return record <= committed_; }

  /// Waits for every row appended so far.
  template <class What>
  void emit(HeadContext& context, What what) {
    push(context, last_ > committed_ ? last_ : 0, std::move(what));
  }
  template <class Message>
  void to_node(HeadContext& context, NodeId node, Message message) {
    emit(context, ToNode{node, HeadToNode{std::move(message)}});
  }
  /// Depends on no row.
  template <class What>
  void emit_at_once(HeadContext& context, What what) {
    push(context, 0, std::move(what));
  }
  template <class Message>
  void to_node_at_once(HeadContext& context, NodeId node, Message message) {
    emit_at_once(context, ToNode{node, HeadToNode{std::move(message)}});
  }

  void on_committed(uint64_t number) { committed_ = number; }

 private:
  /// In place: moving the action through a temporary makes g++ 12 see uninitialised members.
  template <class What>
  static void push(HeadContext& context, uint64_t after, What what) {
    HeadAction& action = context.out.emplace_back();
    action.after = after;
    action.what.template emplace<What>(std::move(what));
  }

  uint64_t last_ = 0;
  uint64_t committed_ = 0;
};

}  // namespace rayd::head
