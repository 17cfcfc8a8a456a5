#include "daemon/shell/cores.h"

#include <chrono>
#include <utility>

namespace rayd::shell {
namespace {

/// The session of the node beside the head.
constexpr uint64_t kOwnSession = 1;

}  // namespace

Cores::Cores(Performer& performer, const BatchClock& clock, std::optional<HeadOptions> head_options,
             uint64_t random_seed)
    : performer_(performer), clock_(clock), random_(random_seed) {
  if (head_options) head_ = std::make_unique<head::HeadCore>(*head_options);
}

void Cores::begin(NodeOptions options) {
  node_options_ = std::move(options);
  HeadContext context{clock_.now(), random_, head_actions_, now_unix_ms()};
  head_->begin_epoch(context);
  feed(HeadInput{NodeJoins{kOwnSession, node::first_words(node_options_), BesideHead::kYes}});
}

void Cores::welcome(NodeOptions options, const Welcome& welcome) {
  node_options_ = std::move(options);
  start_node(welcome);
  work_off();
}

void Cores::start_node(const Welcome& welcome) {
  node_id_ = welcome.node;
  node_options_.node = node_id_;
  node_ = std::make_unique<node::NodeCore>(node_options_);
  performer_.observe(HeadToNode{welcome});
  inputs_.emplace_back(std::in_place_index<0>, NodeInput{FromHead{HeadToNode{welcome}}});
}

void Cores::feed(NodeInput&& input) {
  inputs_.emplace_back(std::in_place_index<0>, std::move(input));
  work_off();
}

void Cores::feed(HeadInput&& input) {
  inputs_.emplace_back(std::in_place_index<1>, std::move(input));
  work_off();
}

void Cores::work_off() {
  if (working_) return;
  working_ = true;
  while (!inputs_.empty()) {
    Input input = std::move(inputs_.front());
    inputs_.pop_front();
    if (auto* to_node = std::get_if<0>(&input)) {
      run(std::move(*to_node));
    } else {
      run(std::move(std::get<1>(input)));
    }
  }
  working_ = false;
}

void Cores::run(NodeInput&& input) {
  if (!node_) return;  // before the ordinal is there nobody speaks to the node
  NodeContext context{clock_.now(), random_, node_actions_};
  node_->on(context, std::move(input));
  // Performing may feed inputs, which wait; so the list does not change under us.
  for (NodeAction& action : node_actions_) {
    auto* to_head = std::get_if<ToHead>(&action);
    if (to_head != nullptr && head_) {
      inputs_.emplace_back(std::in_place_index<1>,
                           HeadInput{FromNode{node_id_, std::move(to_head->message)}});
    } else {
      performer_.perform(std::move(action));
    }
  }
  node_actions_.clear();
}

void Cores::run(HeadInput&& input) {
  HeadContext context{clock_.now(), random_, head_actions_, now_unix_ms()};
  RAY_CHECK(head_);
  head_->on(context, std::move(input));
  for (HeadAction& action : head_actions_) {
    if (action.after <= committed_) {
      release(std::move(action));
    } else {
      held_.push_back(std::move(action));
    }
  }
  head_actions_.clear();
}

void Cores::release(HeadAction&& action) {
  auto* to_node = std::get_if<ToNode>(&action.what);
  auto* welcome = std::get_if<ToJoiner>(&action.what);
  if (to_node != nullptr && to_node->node == node_id_) {
    performer_.observe(to_node->message);
    inputs_.emplace_back(std::in_place_index<0>, NodeInput{FromHead{std::move(to_node->message)}});
  } else if (welcome != nullptr && welcome->session == kOwnSession) {
    start_node(welcome->welcome);
  } else {
    performer_.perform(std::move(action));
  }
}

void Cores::on_committed(uint64_t number) {
  committed_ = number;
  inputs_.emplace_back(std::in_place_index<1>, HeadInput{Committed{number}});
  // What performing feeds waits: it must not overtake the rest of what was held.
  working_ = true;
  while (!held_.empty() && held_.front().after <= committed_) {
    HeadAction action = std::move(held_.front());
    held_.pop_front();
    release(std::move(action));
  }
  working_ = false;
  work_off();
}

void Cores::tick() {
  const Time now = clock_.now();
  const auto head_due = head_ ? head_->next_deadline() : std::nullopt;
  if (head_due && *head_due <= now) feed(HeadInput{HeadTick{}});
  if (node_) {
    const auto node_due = node_->next_deadline();
    if (node_due && *node_due <= now) feed(NodeInput{Tick{}});
  }
}

std::optional<Time> Cores::next_deadline() const {
  std::optional<Time> next = head_ ? head_->next_deadline() : std::nullopt;
  if (node_) {
    const auto node_next = node_->next_deadline();
    if (node_next && (!next || *node_next < *next)) next = node_next;
  }
  return next;
}

}  // namespace rayd::shell
