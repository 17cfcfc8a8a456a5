#include "daemon/shell/rpc_member.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/unique_fd.h"
#include "common/net/rpc_errors.h"
#include "daemon/shell/image_upload.h"
#include "daemon/shell/images.h"
#include "daemon/shell/rpc_cluster.h"
#include "daemon/shell/rpc_items.h"
#include "daemon/shell/rpc_job.h"
#include "daemon/shell/rpc_values.h"

namespace rayd::shell {
namespace {

constexpr uint32_t kMostPartBytes = 4 << 20;

BookLine read_line(schema::LogLine::Reader line) {
  return {line.getUnixMs(), line.getSource().cStr(),
          line.getError() ? BookLine::Stream::kErrors : BookLine::Stream::kOutput,
          line.getText().cStr()};
}

/// Its node is the one that tells it, whatever it says.
ClusterEvent read_event(schema::ClusterEvent::Reader event, NodeId member) {
  const auto level = std::min(event.getLevel(), static_cast<uint8_t>(Event::Level::kError));
  return {event.getUnixMs(), member, static_cast<Event::Level>(level), event.getName().cStr(),
          event.getText().cStr()};
}

class NodeControlServer final : public schema::NodeControl::Server {
 public:
  explicit NodeControlServer(Control& control) : control_(control) {}

  kj::Promise<void> list(ListContext context) override {
    const std::string kind = context.getParams().getKind().cStr();
    const auto rows =
        kind == "pending" ? pending_items(control_) : value_or_throw(list_items(control_, kind));
    write_items(context.getResults().initItems(static_cast<unsigned>(rows.size())), rows, 0);
    return kj::READY_NOW;
  }

  kj::Promise<void> readObject(ReadObjectContext context) override {
    const auto params = context.getParams();
    ObjectId object;
    object.high = params.getObject().getHigh();
    object.low = params.getObject().getLow();
    const std::string bytes = value_or_throw(control_.read_stored(object));
    const uint64_t offset = std::min<uint64_t>(params.getOffset(), bytes.size());
    const uint64_t count =
        std::min<uint64_t>(bytes.size() - offset, std::min(params.getMaxBytes(), kMostPartBytes));
    auto results = context.getResults();
    results.setBytes({reinterpret_cast<const uint8_t*>(bytes.data()) + offset, count});
    results.setComplete(offset + count == bytes.size());
    return kj::READY_NOW;
  }

  kj::Promise<void> stop(StopContext context) override {
    control_.stop(context.getParams().getForce() ? StopWorker::How::kKill
                                                 : StopWorker::How::kGraceful);
    return kj::READY_NOW;
  }

 private:
  Control& control_;
};

class HeadForNodeServer final : public schema::HeadForNode::Server {
 public:
  HeadForNodeServer(Control& control, ClusterLinks& links, NodeId member)
      : control_(control), links_(links), member_(member), upload_(control.images()) {}

  kj::Promise<void> jobSink(JobSinkContext context) override {
    const JobId job{context.getParams().getJob()};
    context.getResults().setSink(make_job_sink(control_, job, to_string(job)));
    return kj::READY_NOW;
  }

  kj::Promise<void> addNews(AddNewsContext context) override {
    const auto news = context.getParams().getNews();
    const size_t known = links_.heard_before(member_, context.getParams().getFirst(), news.size());
    for (auto i = static_cast<unsigned>(known); i < news.size(); ++i) {
      if (news[i].isLine()) {
        const auto line = news[i].getLine();
        control_.book().add_line(JobId{line.getJob()}, read_line(line.getLine()));
      } else if (news[i].isEvent()) {
        control_.events().add(read_event(news[i].getEvent(), member_));
      }
    }
    return kj::READY_NOW;
  }

  kj::Promise<void> readImage(ReadImageContext context) override {
    const auto params = context.getParams();
    const auto image = value_or_throw(control_.images().find(read_hash(params.getHash())));
    const UniqueFd file{open(image.path.c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat status {};
    if (!file || fstat(file.get(), &status) != 0) {
      throw_error({ErrorCode::kInternal, image.path + " cannot be read"});
    }
    std::string bytes(std::min(params.getMaxBytes(), kMostPartBytes), '\0');
    const ssize_t count =
        pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(params.getOffset()));
    if (count < 0) throw_error({ErrorCode::kInternal, image.path + " cannot be read"});
    auto results = context.getResults();
    results.setBytes({reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<size_t>(count)});
    results.setComplete(params.getOffset() + static_cast<uint64_t>(count) >=
                        static_cast<uint64_t>(status.st_size));
    return kj::READY_NOW;
  }

  kj::Promise<void> writeImage(WriteImageContext context) override {
    const auto params = context.getParams();
    const auto bytes = params.getBytes();
    const auto last = params.getComplete() ? ImageUpload::Last::kYes : ImageUpload::Last::kNo;
    value_or_throw(upload_.write(read_hash(params.getHash()), params.getOffset(),
                                 {bytes.begin(), bytes.size()}, last));
    return kj::READY_NOW;
  }

  kj::Promise<void> putModule(PutModuleContext context) override {
    const auto params = context.getParams();
    ModuleRow row;
    row.name = params.getName().cStr();
    row.file_name = params.getFileName().cStr();
    row.hash = read_hash(params.getHash());
    row.description_json = params.getDescription().cStr();
    PromisedCallback<ModuleRow> put;
    control_.put_module(std::move(row), put.callback());
    return put.take();
  }

 private:
  Control& control_;
  ClusterLinks& links_;
  NodeId member_;
  ImageUpload upload_;
};

}  // namespace

schema::NodeControl::Client make_node_control(Control& control) {
  return kj::heap<NodeControlServer>(control);
}
schema::HeadForNode::Client make_head_for_node(Control& control, ClusterLinks& links,
                                               NodeId member) {
  return kj::heap<HeadForNodeServer>(control, links, member);
}

}  // namespace rayd::shell
