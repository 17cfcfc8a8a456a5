#include "daemon/shell/transfer_thread.h"

#include <boost/asio/post.hpp>
#include <csignal>
#include <utility>

namespace rayd::shell {

using boost::asio::post;

TransferThread::TransferThread(boost::asio::io_context& control, TransferReports& reports,
                               const TlsContext& context, const ObjectStore& store)
    : control_(control),
      reports_(reports),
      context_(context),
      store_(store),
      work_(boost::asio::make_work_guard(io_)) {
  // Signals are the control thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] {
    io_.run();
    pulls_.clear();
    serves_.clear();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TransferThread::~TransferThread() {
  io_.stop();
  thread_.join();
}

// ---- from the control thread --------------------------------------------------------------------

void TransferThread::open(uint64_t stream, DialTarget target, Hello hello) {
  post(io_, [this, stream, target = std::move(target), hello = std::move(hello)] {
    PullStream::Owner& owner = *this;
    pulls_[stream] = std::make_unique<PullStream>(io_, context_, stream, owner, target, hello);
  });
}

void TransferThread::add(uint64_t stream, const BulkWindow& window) {
  post(io_, [this, stream, window] {
    const auto it = pulls_.find(stream);
    if (it != pulls_.end()) it->second->add(window);
  });
}

void TransferThread::close_pull(uint64_t stream, const std::string& why) {
  post(io_, [this, stream, why] {
    const auto it = pulls_.find(stream);
    if (it != pulls_.end()) it->second->close(why);
  });
}

void TransferThread::serve(uint64_t stream, Link link) {
  post(io_, [this, stream, link = std::move(link)]() mutable {
    auto& added = serves_[stream];
    ServeStream::Owner& owner = *this;
    added = std::make_unique<ServeStream>(io_, stream, owner, std::move(link));
    added->start();
  });
}

void TransferThread::reply(uint64_t stream, const ServeReply& reply) {
  post(io_, [this, stream, reply] {
    const auto it = serves_.find(stream);
    if (it != serves_.end()) it->second->reply(reply);
  });
}

void TransferThread::close_serve(uint64_t stream, const std::string& why) {
  post(io_, [this, stream, why] {
    const auto it = serves_.find(stream);
    if (it != serves_.end()) it->second->close(why);
  });
}

// ---- to the control thread ----------------------------------------------------------------------

template <class Report>
void TransferThread::tell(Report report) {
  post(control_, [&reports = reports_, report = std::move(report)] { report(reports); });
}

Status TransferThread::prepare(const BulkWindow& window) {
  return store_.reserve({window.memory, window.request.length});
}

void TransferThread::on_window(PullStream& stream, Status outcome) {
  tell([id = stream.id(), outcome = std::move(outcome)](TransferReports& reports) {
    reports.on_window(id, outcome);
  });
}

void TransferThread::on_closed(PullStream& stream, const std::string& why) {
  tell([id = stream.id(), why](TransferReports& reports) { reports.on_pull_closed(id, why); });
  pulls_.erase(stream.id());
}

void TransferThread::ask(ServeStream& stream, const ServeQuestion& question) {
  tell([id = stream.id(), question](TransferReports& reports) {
    reports.on_question(id, question);
  });
}

void TransferThread::on_closed(ServeStream& stream, const std::string& why) {
  tell([id = stream.id(), why](TransferReports& reports) { reports.on_serve_closed(id, why); });
  serves_.erase(stream.id());
}

}  // namespace rayd::shell
