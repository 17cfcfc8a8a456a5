// Performs what the cores ask for.
#include "daemon/shell/daemon_core.h"
#include "daemon/shell/daemon_log.h"
#include "daemon/shell/rpc_front.h"

namespace rayd::shell {
namespace {

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

std::string label_of_call(const CallTemplate& call) {
  return call.display_name.empty() ? call.function.name : call.display_name;
}

}  // namespace

void DaemonCore::log(Event::Level level, const std::string& name, const std::string& text) {
  log_event(level, name, text);
  if (level == Event::Level::kDebug || !cores_.has_joined()) return;
  ClusterEvent event{unix_ms_now(), cores_.node_id(), level, name, text};
  if (cores_.has_head()) return events_.add(std::move(event));
  rpc_->links().send(std::move(event));
}

void DaemonCore::log_change(const JobRow& row) {
  const JobRow* known = book_.find(row.job);
  if (known != nullptr && known->state == row.state && known->attempt == row.attempt) return;
  constexpr const char* kNames[] = {"job_waits", "job_runs", "job_succeeded", "job_failed",
                                    "job_cancelled"};
  std::string text = to_string(row.job) + " " + row.name;
  if (row.error) text += ": " + row.error->message;
  log(Event::Level::kInfo, kNames[static_cast<size_t>(row.state)], text);
}

void DaemonCore::perform(NodeAction&& action) {
  std::visit(Overloaded{
                 [&](ToClient& order) {
                   if (InlineSession* session = sessions_.find(order.client)) {
                     session->deliver(std::move(order.message));
                   } else {
                     hot_.send(order.client, order.message);
                   }
                 },
                 [&](ToWorker& order) {
                   const auto worker = workers_.find(order.worker);
                   if (worker == workers_.end()) return;  // it died; the core hears of it
                   worker->second.job = order.run.job;
                   const CallTemplate& call = *order.run.call;
                   if (call.kind == CallTemplate::Kind::kJobRoot)
                     worker->second.root = order.run.job;
                   if (call.kind != CallTemplate::Kind::kActorCall) {
                     worker->second.label = label_of_call(call);
                   }
                   hot_.run(order.worker, order.run);
                 },
                 [&](ToPeer& order) {
                   if (network_) network_->peers().to_peer(order.node, order.message);
                 },
                 [&](ToHead& order) { network_->peers().to_head(order.message); },
                 [&](StartWorker& order) { start_worker(order); },
                 [&](StopWorker& order) {
                   processes_.kill_worker(order.worker, order.how == StopWorker::How::kKill
                                                            ? rayd::Force::kYes
                                                            : rayd::Force::kNo);
                 },
                 [&](RevokeSlot& order) {
                   const auto outcome = hot_.revoke(order.worker, order.task, order.attempt);
                   feed(NodeInput{SlotRevoked{order.worker, order.task, order.attempt, outcome}});
                 },
                 [&](SetCancelWord& order) {
                   hot_.set_cancel_word(order.worker, order.task, order.attempt);
                 },
                 [&](PullObject& order) {
                   if (transfers_) return transfers_->pull(order);
                   feed(NodeInput{PullFailed{order.object, order.from, "there is one node only"}});
                 },
                 [&](FreeExtent& order) { store_.punch(order.extent); },
                 [&](PublishFinished& order) {
                   if (InlineSession* session = sessions_.find(order.client)) {
                     session->on_finished(order.finished);
                   } else {
                     hot_.publish_finished(order.client, order.finished);
                   }
                 },
                 [&](ClientReady& order) {
                   const auto driver = drivers_.find(order.client);
                   if (driver != drivers_.end()) driver->second.job = order.job;
                   const auto opening = openings_.find(order.client);
                   if (opening == openings_.end()) return;
                   const auto ready = std::move(opening->second.ready);
                   openings_.erase(opening);
                   ready(order);
                 },
                 [&](Event& event) { log(event.level, event.name, event.text); },
             },
             action);
}

void DaemonCore::perform(HeadAction&& action) {
  std::visit(Overloaded{
                 [&](ToNode& order) {
                   if (network_) network_->peers().to_member(order.node, order.message);
                 },
                 [&](ToJoiner& order) {
                   if (network_) network_->peers().welcome(order.session, order.welcome);
                 },
                 [&](Append& order) { journal_->append(order.number, std::move(order.row)); },
                 [&](RequestReply& reply) {
                   const auto request = requests_.find(reply.request);
                   if (request == requests_.end()) return;
                   const auto done = std::move(request->second);
                   requests_.erase(request);
                   if (reply.error) {
                     done(Error{reply.error->code, reply.error->message});
                   } else {
                     done(reply.job);
                   }
                 },
                 [&](FetchResult& order) { fetch_result(order); },
                 [&](JobChanged& change) {
                   log_change(change.row);
                   book_.set_row(change.row);
                 },
                 [&](HeadEvent& event) { log(Event::Level::kInfo, event.name, event.text); },
             },
             action.what);
}

Result<std::string> DaemonCore::read_stored(ObjectId object) const {
  const Value* value = cores_.peek(object);
  if (value == nullptr || value->extent.length == 0) {
    return Error{ErrorCode::kObjectLost, "the object is gone"};
  }
  const auto bytes = store_.read(value->extent);
  if (!bytes) return bytes.error();
  return std::string{bytes->text()};
}

void DaemonCore::fetch_result(const FetchResult& order) {
  const auto answer = [this, job = order.job](Result<std::string> bytes) {
    ResultFetched fetched{job, {}, nullptr};
    if (bytes) {
      fetched.text = std::move(*bytes);
    } else {
      fetched.error = make_error(bytes.error().code, "the job's result: " + bytes.error().message);
    }
    feed(HeadInput{std::move(fetched)});
  };
  if (order.node == cores_.node_id()) return answer(read_stored(order.object));
  rpc_->links().read_object(order.node, order.object, answer);
}

}  // namespace rayd::shell
