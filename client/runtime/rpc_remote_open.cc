// Opens a session with a head elsewhere, by a connection that is then given up: the line resumes it
// on connections of its own, as it does whenever one breaks.
#include "client/runtime/remote_line.h"
#include "common/config/places.h"
#include "common/net/head_dial.h"
#include "common/net/image_upload.h"

namespace rayd::client {
namespace {

constexpr Duration kPatience = Duration::seconds(30);
constexpr Duration kDialPatience = Duration::seconds(10);
constexpr uint32_t kProtocol = 1;

}  // namespace

Result<OpenedLine> open_remote_line(const RemoteOpen& request, const Environment& environment) {
  const auto access = parse_head_access(request.address, request.token);
  if (!access) return access.error();
  const auto identity = client_identity(make_client_folder(environment));
  if (!identity) return identity.error();
  auto head = std::make_unique<HeadDial>(*access, *identity, request.name);
  auto link = head->dial(kDialPatience);
  if (!link) return link.error();

  PollLoop loop;
  RpcClient client{loop, attach_link(loop, std::move(*link))};
  auto daemon = client.bootstrap<schema::Daemon>();
  auto hello = daemon.helloRequest();
  hello.setProtocol(kProtocol);
  hello.setProgram(request.name);
  if (auto answer = client.wait(hello.send(), kPatience); !answer) return answer.error();
  const auto image = upload_image(client, daemon, "/proc/self/exe");
  if (!image) return image.error();
  auto open = daemon.openSessionRequest();
  open.setName(request.name);
  open.setNameSpace(request.name_space);
  open.setImage({image->bytes.data(), image->bytes.size()});
  open.setResumable(true);
  const auto opened = client.wait(open.send(), kPatience);
  if (!opened) return opened.error();

  OpenedLine result;
  result.client = {opened->getClient().getNode(), opened->getClient().getSerial()};
  result.image = *image;
  result.name_space = opened->getNameSpace().cStr();
  result.line =
      make_remote_line(std::move(head), result.client, Duration::millis(opened->getSilenceMs()));
  return result;
}

}  // namespace rayd::client
