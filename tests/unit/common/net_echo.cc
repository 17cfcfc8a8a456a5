#include "tests/unit/common/net_echo.h"

#include <stdexcept>

#include "common/net/rpc_errors.h"
#include "tests/unit/common/net_fixture.h"

namespace rayd::test {
namespace {

class FileServer final : public File::Server {
 public:
  explicit FileServer(const std::string& content) : file_(memory_file(content)) {}
  kj::Maybe<int> getFd() override { return file_.get(); }

 private:
  UniqueFd file_;
};

class EchoServer final : public Echo::Server {
 public:
  explicit EchoServer(std::function<void()> on_never) : on_never_(std::move(on_never)) {}

  kj::Promise<void> say(SayContext context) override {
    context.getResults().setText(context.getParams().getText());
    return kj::READY_NOW;
  }
  kj::Promise<void> fail(FailContext context) override {
    const auto params = context.getParams();
    return to_exception({static_cast<ErrorCode>(params.getCode()), params.getText().cStr()});
  }
  kj::Promise<void> crash(CrashContext context) override {
    throw std::runtime_error(context.getParams().getText().cStr());
  }
  kj::Promise<void> never(NeverContext) override {
    on_never_();
    return kj::NEVER_DONE;
  }
  kj::Promise<void> open(OpenContext context) override {
    context.getResults().setFile(make_file(context.getParams().getContent().cStr()));
    return kj::READY_NOW;
  }
  kj::Promise<void> read(ReadContext context) override {
    auto file = context.getParams().getFile();
    return file.getFd().then([context](kj::Maybe<int> fd) mutable {
      KJ_IF_MAYBE (open, fd) {
        context.getResults().setContent(content_of(*open).c_str());
      }
    });
  }
  kj::Promise<void> child(ChildContext context) override {
    context.getResults().setEcho(make_echo(on_never_));
    return kj::READY_NOW;
  }
  kj::Promise<void> callBack(CallBackContext context) override {
    auto request = context.getParams().getEcho().sayRequest();
    request.setText(context.getParams().getText());
    return request.send().then([context](capnp::Response<Echo::SayResults> answer) mutable {
      context.getResults().setText(answer.getText());
    });
  }
  kj::Promise<void> blob(BlobContext context) override {
    auto data = context.getResults().initData(context.getParams().getSize());
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<kj::byte>(i);
    return kj::READY_NOW;
  }

 private:
  std::function<void()> on_never_;
};

}  // namespace

Echo::Client make_echo(std::function<void()> on_never) {
  return kj::heap<EchoServer>(std::move(on_never));
}

File::Client make_file(const std::string& content) { return kj::heap<FileServer>(content); }

}  // namespace rayd::test
