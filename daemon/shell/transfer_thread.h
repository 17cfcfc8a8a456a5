// TransferThread: a thread with a loop of its own for bulk connections: encryption and copying of
// objects' bytes, away from the control thread.
//
//   control thread ── post(open, add, close, serve, reply) ──▶ its streams
//   its streams ── TransferReports, on the control thread ──▶ Transfers
//
// It holds no state of the daemon's but the streams.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "daemon/shell/bulk_pull.h"
#include "daemon/shell/bulk_serve.h"
#include "daemon/shell/object_store.h"

namespace rayd::shell {

class TransferThread;

/// What the streams tell. Called from the control thread's loop.
class TransferReports {
 public:
  /// The oldest window of the stream is done.
  virtual void on_window(uint64_t stream, const Status& outcome) = 0;
  /// It writes to none of its windows any more.
  virtual void on_pull_closed(uint64_t stream, const std::string& why) = 0;
  virtual void on_serve_closed(uint64_t stream, const std::string& why) = 0;
  virtual void on_question(uint64_t stream, const ServeQuestion& question) = 0;

 protected:
  ~TransferReports() = default;
};

class TransferThread final : private PullStream::Owner, private ServeStream::Owner {
 public:
  /// `control` runs on the control thread and must not run `reports` after this is gone; `context`
  /// is a client's.
  TransferThread(boost::asio::io_context& control, TransferReports& reports,
                 const TlsContext& context, const ObjectStore& store);
  ~TransferThread();
  TransferThread(const TransferThread&) = delete;
  TransferThread& operator=(const TransferThread&) = delete;

  // From the control thread; unknown streams are those that have closed meanwhile.
  void open(uint64_t stream, DialTarget target, Hello hello);
  void add(uint64_t stream, const BulkWindow& window);
  void close_pull(uint64_t stream, const std::string& why);
  void serve(uint64_t stream, Link link);
  void reply(uint64_t stream, const ServeReply& reply);
  void close_serve(uint64_t stream, const std::string& why);

 private:
  Status prepare(const BulkWindow& window) override;
  void on_window(PullStream& stream, Status outcome) override;
  void on_closed(PullStream& stream, const std::string& why) override;
  void ask(ServeStream& stream, const ServeQuestion& question) override;
  void on_closed(ServeStream& stream, const std::string& why) override;
  template <class Report>
  void tell(Report report);

  boost::asio::io_context& control_;
  TransferReports& reports_;
  const TlsContext& context_;
  const ObjectStore& store_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  // The thread's own.
  std::map<uint64_t, std::unique_ptr<PullStream>> pulls_;
  std::map<uint64_t, std::unique_ptr<ServeStream>> serves_;
  std::thread thread_;
};

}  // namespace rayd::shell
