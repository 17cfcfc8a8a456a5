#include "daemon/shell/rpc_cluster.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/base/unique_fd.h"
#include "daemon/shell/daemon_log.h"
#include "daemon/shell/images.h"
#include "daemon/shell/rpc_member.h"
#include "daemon/shell/rpc_poll.h"
#include "daemon/shell/rpc_values.h"

namespace rayd::shell {
namespace {

constexpr uint32_t kPartBytes = 1 << 20;
/// An image may be on its way to the head when somebody asks for it.
constexpr int kFetchTries = 100;
constexpr uint32_t kFetchPauseMs = 100;
constexpr uint32_t kGatherPatienceMs = 2000;
constexpr size_t kNewsAtOnce = 1000;
constexpr size_t kNewsKept = 100'000;  // while the head cannot be reached

kj::Promise<void> pause(boost::asio::io_context& io, uint32_t ms) {
  return LongPoll::wait(io, ms, [](LongPoll::Wake) { return [] {}; });
}

capnp::Data::Reader data_of(const ImageHash& hash) {
  return {hash.bytes.data(), hash.bytes.size()};
}

}  // namespace

struct ClusterLinks::Transfer {
  ImageHash hash;
  std::string path;  // of the file that is read or written
  UniqueFd file;
  uint64_t offset = 0;
  int tries = 0;
  ~Transfer() {
    if (is_temporary) unlink(path.c_str());
  }
  bool is_temporary = false;
};

ClusterLinks::ClusterLinks(boost::asio::io_context& io, Control& control)
    : io_(io), control_(control), tasks_(*this) {}
ClusterLinks::~ClusterLinks() = default;

void ClusterLinks::taskFailed(kj::Exception&& exception) {
  log_event(Event::Level::kWarn, "cluster_call_failed", translate(exception).message);
}

template <class T>
void ClusterLinks::run(kj::Promise<void> work, T value, Callback<T> done) {
  auto shared = std::make_shared<Callback<T>>(std::move(done));
  tasks_.add(work.then([shared, value = std::move(value)] { (*shared)(value); },
                       [shared](kj::Exception&& why) { (*shared)(translate(why)); }));
}

// ---- at a node ----------------------------------------------------------------------------------

void ClusterLinks::connect_to_head(const TlsContext& context, HeadLine::Target target) {
  head_line_ = std::make_unique<HeadLine>(
      io_, context, std::move(target), [this](capnp::Capability::Client bootstrap) {
        auto request = bootstrap.castAs<schema::Daemon>().enlistRequest();
        request.setNode(make_node_control(control_));
        head_for_node_ = request.send().getHead();
        news_travel_ = false;
        flush_news();
      });
}

std::optional<schema::Daemon::Client> ClusterLinks::head() {
  if (!head_line_) return std::nullopt;
  return head_line_->daemon().castAs<schema::Daemon>();
}

schema::HeadForNode::Client ClusterLinks::head_for_node() {
  head_line_->daemon();  // throws if it is not there
  return *head_for_node_;
}

void ClusterLinks::send(NodeNews news) {
  news_.push_back(std::move(news));
  if (news_.size() > kNewsKept && !news_travel_) {
    news_.pop_front();
    ++first_news_;
  }
  flush_news();
}

// One call at a time; what it carried is dropped when the head has it.
void ClusterLinks::flush_news() {
  if (news_travel_ || news_.empty() || !head_for_node_) return;
  news_travel_ = true;
  const size_t count = std::min(news_.size(), kNewsAtOnce);
  auto request = head_for_node_->addNewsRequest();
  request.setFirst(first_news_);
  auto list = request.initNews(static_cast<unsigned>(count));
  for (unsigned i = 0; i < count; ++i) {
    if (const auto* line = std::get_if<JobLine>(&news_[i])) {
      auto builder = list[i].initLine();
      builder.setJob(line->job.value);
      write(builder.initLine(), line->line);
    } else {
      write(list[i].initEvent(), std::get<ClusterEvent>(news_[i]));
    }
  }
  tasks_.add(request.send().ignoreResult().then(
      [this, count] {
        news_.erase(news_.begin(), news_.begin() + static_cast<ptrdiff_t>(count));
        first_news_ += count;
        news_travel_ = false;
        flush_news();
      },
      [](kj::Exception&&) {}));  // the next connection repeats them
}

// ---- images -------------------------------------------------------------------------------------

bool ClusterLinks::begins(Transfers& transfers, const ImageHash& hash, Callback<ImageHash> done) {
  auto& waiting = transfers[hash];
  waiting.push_back(std::move(done));
  return waiting.size() == 1;
}

Callback<ImageHash> ClusterLinks::ends(Transfers& transfers, const ImageHash& hash) {
  return [&transfers, hash](Result<ImageHash> outcome) {
    const auto waiting = std::move(transfers.extract(hash).mapped());
    for (const auto& done : waiting) done(outcome);
  };
}

void ClusterLinks::fetch_image(const ImageHash& hash, Callback<ImageHash> done) {
  if (!begins(fetches_, hash, std::move(done))) return;
  auto transfer = std::make_shared<Transfer>();
  transfer->hash = hash;
  transfer->path = control_.images().temporary_path(hash);
  transfer->file.reset(
      open(transfer->path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  transfer->is_temporary = true;
  run(kj::evalNow([&] { return fetch_parts(transfer); }), hash, ends(fetches_, hash));
}

kj::Promise<void> ClusterLinks::fetch_parts(std::shared_ptr<Transfer> transfer) {
  if (control_.images().find(transfer->hash)) return kj::READY_NOW;
  const auto later = [this, transfer] {
    return pause(io_, kFetchPauseMs).then([this, transfer] { return fetch_parts(transfer); });
  };
  if (!has_head()) {  // somebody brings it
    if (++transfer->tries < kFetchTries) return later();
    throw_error({ErrorCode::kNotFound, "the program or module " + to_string(transfer->hash) +
                                           " did not arrive within 10 s"});
  }
  auto request = head_for_node().readImageRequest();
  request.setHash(data_of(transfer->hash));
  request.setOffset(transfer->offset);
  request.setMaxBytes(kPartBytes);
  return request.send().then(
      [this, transfer](auto&& part) -> kj::Promise<void> {
        const auto bytes = part.getBytes();
        if (pwrite(transfer->file.get(), bytes.begin(), bytes.size(),
                   static_cast<off_t>(transfer->offset)) != static_cast<ssize_t>(bytes.size())) {
          throw_error({ErrorCode::kInternal, transfer->path + " cannot be written"});
        }
        transfer->offset += bytes.size();
        if (!part.getComplete()) return fetch_parts(transfer);
        value_or_throw(control_.images().add_as(transfer->path, transfer->hash));
        return kj::READY_NOW;
      },
      [transfer, later](kj::Exception&& why) -> kj::Promise<void> {
        const Error error = translate(why);
        if (error.code == ErrorCode::kNotFound && ++transfer->tries < kFetchTries) return later();
        throw_error(error);
      });
}

void ClusterLinks::offer_image(const ImageHash& hash, Callback<ImageHash> done) {
  auto image = control_.images().find(hash);
  if (!image) return done(image.error());
  if (!begins(offers_, hash, std::move(done))) return;
  auto transfer = std::make_shared<Transfer>();
  transfer->hash = hash;
  transfer->path = image->path;
  transfer->file.reset(open(image->path.c_str(), O_RDONLY | O_CLOEXEC));
  auto work = kj::evalNow([&] {
    auto request = head_for_node().readImageRequest();
    request.setHash(data_of(hash));
    return request.send().ignoreResult().then(
        []() -> kj::Promise<void> { return kj::READY_NOW; },
        [this, transfer](kj::Exception&&) { return offer_parts(transfer); });
  });
  run(std::move(work), hash, ends(offers_, hash));
}

kj::Promise<void> ClusterLinks::offer_parts(std::shared_ptr<Transfer> transfer) {
  auto request = head_for_node().writeImageRequest();
  std::string bytes(kPartBytes, '\0');
  const ssize_t count =
      pread(transfer->file.get(), bytes.data(), bytes.size(), static_cast<off_t>(transfer->offset));
  if (count < 0) throw_error({ErrorCode::kInternal, transfer->path + " cannot be read"});
  const bool complete = static_cast<size_t>(count) < bytes.size();
  request.setHash(data_of(transfer->hash));
  request.setOffset(transfer->offset);
  request.setBytes({reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<size_t>(count)});
  request.setComplete(complete);
  transfer->offset += static_cast<uint64_t>(count);
  auto sent = request.send().ignoreResult();
  if (complete) return sent;
  return sent.then([this, transfer] { return offer_parts(transfer); });
}

void ClusterLinks::publish_module(const ModuleRow& row, Callback<ModuleRow> done) {
  offer_image(row.hash, [this, row, done](Result<ImageHash> offered) {
    if (!offered) return done(offered.error());
    auto work = kj::evalNow([&] {
      auto request = head_for_node().putModuleRequest();
      request.setName(row.name);
      request.setFileName(row.file_name);
      request.setHash(data_of(row.hash));
      request.setDescription(row.description_json);
      return request.send().ignoreResult();
    });
    run(std::move(work), row, done);
  });
}

// ---- at the head --------------------------------------------------------------------------------

size_t ClusterLinks::heard_before(NodeId member, uint64_t first, size_t count) {
  if (count == 0) return 0;
  uint64_t& heard = heard_[member];
  const uint64_t known = heard < first ? 0 : heard - first + 1;
  heard = std::max(heard, first + count - 1);
  return std::min<uint64_t>(known, count);
}

schema::HeadForNode::Client ClusterLinks::enlist(NodeId member, schema::NodeControl::Client node) {
  members_.insert_or_assign(member, std::move(node));
  return make_head_for_node(control_, *this, member);
}

void ClusterLinks::forget(NodeId member) {
  members_.erase(member);
  heard_.erase(member);
}

kj::Promise<std::vector<kj::Own<ClusterLinks::Items>>> ClusterLinks::gather(
    const std::string& kind) {
  auto gathered = std::make_shared<std::vector<kj::Own<Items>>>();
  auto all = kj::heapArrayBuilder<kj::Promise<void>>(members_.size());
  for (auto& [member, node] : members_) {
    auto request = node.listRequest();
    request.setKind(kind);
    all.add(request.send()
                .then([gathered](Items&& items) {
                  gathered->push_back(kj::heap<Items>(kj::mv(items)));
                })
                .exclusiveJoin(pause(io_, kGatherPatienceMs))
                .catch_([](kj::Exception&&) {}));
  }
  return kj::joinPromises(all.finish()).then([gathered] { return kj::mv(*gathered); });
}

void ClusterLinks::read_object(NodeId member, ObjectId object, Callback<std::string> done) {
  const auto known = members_.find(member);
  if (known == members_.end()) {
    return done(Error{ErrorCode::kObjectLost, to_string(member) + " is not connected"});
  }
  auto bytes = std::make_shared<std::string>();
  auto shared = std::make_shared<Callback<std::string>>(std::move(done));
  tasks_.add(read_parts(known->second, object, bytes)
                 .then([shared, bytes] { (*shared)(std::move(*bytes)); },
                       [shared](kj::Exception&& why) { (*shared)(translate(why)); }));
}

kj::Promise<void> ClusterLinks::read_parts(schema::NodeControl::Client node, ObjectId object,
                                           std::shared_ptr<std::string> bytes) {
  auto request = node.readObjectRequest();
  request.getObject().setHigh(object.high);
  request.getObject().setLow(object.low);
  request.setOffset(bytes->size());
  request.setMaxBytes(kPartBytes);
  return request.send().then([this, node, object, bytes](auto&& part) mutable -> kj::Promise<void> {
    const auto more = part.getBytes().asChars();
    bytes->append(more.begin(), more.size());
    if (part.getComplete()) return kj::READY_NOW;
    return read_parts(kj::mv(node), object, bytes);
  });
}

kj::Promise<void> ClusterLinks::stop_members(StopWorker::How how) {
  auto all = kj::heapArrayBuilder<kj::Promise<void>>(members_.size());
  for (auto& [member, node] : members_) {
    auto request = node.stopRequest();
    request.setForce(how == StopWorker::How::kKill);
    all.add(request.send()
                .ignoreResult()
                .exclusiveJoin(pause(io_, kGatherPatienceMs))
                .catch_([](kj::Exception&&) {}));
  }
  return kj::joinPromises(all.finish());
}

}  // namespace rayd::shell
