#include "tests/sim/head.h"

#include "tests/sim/describe.h"
#include "tests/sim/faults.h"
#include "tests/sim/world.h"

namespace rayd::sim {

Head::Head(World& world) : world_(world) { begin(); }

// A process: what the journal holds, and nothing else.
void Head::begin() {
  HeadOptions options;
  core_ = std::make_unique<head::HeadCore>(options);
  world_.network.add_head();
  const bool is_forgetful = world_.is_broken(Break::kForgetfulJournal);
  for (const JournalRow& row : committed_)
    if (!is_forgetful || !std::holds_alternative<ActorRow>(row)) core_->load(JournalRow(row));
  std::vector<HeadAction> actions;
  HeadContext context{world_.now, world_.random, actions};
  core_->begin_epoch(context);
  perform(std::move(actions));
  schedule_tick();
}

void Head::restart(Duration away, Peers::End how) {
  world_.trace.line(world_.now, "head ENDS");
  ++restarts_;
  ++generation_;
  world_.oracle.excuses.head_restarts = true;
  world_.judge.on_head_restart(committed_number_);
  appended_.clear();
  held_.clear();
  committed_number_ = 0;
  is_commit_scheduled_ = false;
  tick_at_.reset();
  world_.network.head().end(how);
  world_.close_flights(kHeadNode);
  is_away_ = true;
  world_.after(away, [this] { come_back(); });
}

void Head::come_back() {
  world_.trace.line(world_.now, "head BEGINS");
  is_away_ = false;
  world_.jobs.on_head_restart();
  begin();
  // Who was joining in this process asks again; the others connect when they find it.
  for (auto& [session, options] : std::exchange(joining_, {})) join(std::move(options));
}

void Head::join(NodeOptions options) {
  if (is_away_) {
    world_.after(Duration::millis(100), [this, options] { join(options); });
    return;
  }
  const uint64_t session = new_session();
  const Announce announce = node::first_words(options);
  joining_[session] = std::move(options);
  input(NodeJoins{session, announce, BesideHead::kYes});
}

// ---- the core -----------------------------------------------------------------------------------

void Head::input(HeadInput&& input) {
  if (is_away_) return;
  const auto due = core_->next_deadline();
  if (due && *due <= world_.now) on_core(HeadTick{});
  on_core(std::move(input));
}

void Head::on_core(HeadInput&& input) {
  std::string& line = world_.trace.begin(world_.now);
  say(line, "head ");
  describe(line, input);
  world_.trace.end();
  std::vector<HeadAction> actions;
  HeadContext context{world_.now, world_.random, actions};
  const bool is_tick = std::holds_alternative<HeadTick>(input);
  core_->on(context, std::move(input));
  if (const auto due = core_->next_deadline(); is_tick && due && *due <= world_.now)
    world_.violation("a tick leaves a deadline of the head that has passed");
  world_.touch(kHeadNode);
  perform(std::move(actions));
  schedule_tick();
}

void Head::schedule_tick() {
  const auto due = core_->next_deadline();
  if (!due || (tick_at_ && *tick_at_ <= *due && *tick_at_ > world_.now)) return;
  tick_at_ = std::max(*due, world_.now + Duration::micros(1));
  world_.at(*tick_at_, [this, time = *tick_at_] {
    if (is_away_ || tick_at_ != time) return;
    tick_at_.reset();
    const auto still_due = core_->next_deadline();
    if (still_due && *still_due <= world_.now) return on_core(HeadTick{});
    schedule_tick();
  });
}

// ---- the journal --------------------------------------------------------------------------------

void Head::perform(std::vector<HeadAction>&& actions) {
  for (HeadAction& action : actions) {
    std::string& line = world_.trace.begin(world_.now);
    say(line, "head   ");
    describe(line, action);
    world_.trace.end();
    if (auto* append = std::get_if<Append>(&action.what)) {
      world_.judge.on_row(*append);
      appended_.push_back(std::move(*append));
      schedule_commit();
      continue;
    }
    world_.judge.on_head_says(action, committed_number_);
    if (action.after > committed_number_ && !world_.is_broken(Break::kHastyHead)) {
      held_.push_back(std::move(action));
    } else {
      leave(std::move(action));
    }
  }
}

void Head::schedule_commit() {
  if (std::exchange(is_commit_scheduled_, true)) return;
  world_.after(world_.long_delay(), [this, generation = generation_] {
    if (generation != generation_) return;
    is_commit_scheduled_ = false;
    commit(generation, appended_.back().number);
  });
}

void Head::commit(uint64_t generation, uint64_t number) {
  for (; !appended_.empty() && appended_.front().number <= number; appended_.pop_front())
    committed_.push_back(std::move(appended_.front().row));
  committed_number_ = number;
  input(Committed{number});
  // In the order they were said; those that wait for more wait on.
  std::deque<HeadAction> held = std::exchange(held_, {});
  for (HeadAction& action : held) {
    if (generation != generation_) return;
    if (action.after > committed_number_)
      held_.push_back(std::move(action));
    else
      leave(std::move(action));
  }
}

void Head::leave(HeadAction&& action) {
  world_.judge.on_head_leaves(action, committed_number_);
  std::visit([this](auto&& what) { on(std::move(what)); }, std::move(action.what));
}

// ---- actions ------------------------------------------------------------------------------------

void Head::on(ToNode&& action) {
  // Rare otherwise: an actor that has begun, and a creator who has not heard so.
  if (world_.is_broken(Break::kForgetfulJournal) &&
      std::holds_alternative<StartActor>(action.message) && world_.random.chance(1, 3))
    world_.after(world_.link_delay(), [&world = world_] { fire(world, "head_restart"); });
  world_.send(kHeadNode, action.node, std::move(action.message));
}

void Head::on(ToJoiner&& action) {
  const auto joining = joining_.find(action.session);
  if (joining == joining_.end())
    return world_.network.head().welcome(action.session, action.welcome);
  NodeOptions options = std::move(joining->second);
  joining_.erase(joining);
  Peers& peers = world_.network.add_node(kHeadMachine);
  peers.set_node(action.welcome.node);
  world_.on_joined(peers, action.welcome, options);
}

void Head::on(RequestReply&& action) { world_.jobs.on_reply(action); }

void Head::on(JobChanged&& action) { world_.jobs.on_changed(action.row); }

void Head::on(FetchResult&& action) {
  world_.after(world_.long_delay(), [this, action, generation = generation_] {
    if (generation != generation_) return;
    ResultFetched fetched;
    fetched.job = action.job;
    Node* node = world_.find_node(action.node);
    std::optional<Extent> extent;
    if (node != nullptr && node->is_alive()) extent = node->core().copy_here(action.object);
    std::optional<uint64_t> token;
    if (extent) token = node->store().read(*extent);
    if (token) {
      fetched.text = std::string{bytes_of_token(*token).text()};
    } else {
      auto error = std::make_shared<ErrorInfo>();
      error->code = ErrorCode::kNodeDied;
      fetched.error = std::move(error);
    }
    input(std::move(fetched));
  });
}

}  // namespace rayd::sim
