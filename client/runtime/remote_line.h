// RemoteLine: what carries a session to a head on another machine: numbered messages out, answers
// in, large values in parts; over connections that are replaced when they break, for as long as the
// head keeps the session.
//
// Its functions are any thread's. It has a thread of its own, which keeps in touch with the head
// whatever the program does, and which tells the events.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/config/environment.h"
#include "common/types/client_messages.h"

namespace rayd {
class HeadDial;
}

namespace rayd::client {

class RemoteLine {
 public:
  class Events {
   public:
    virtual void on_answers(std::vector<ClientAnswer>&& answers) = 0;
    /// There is room again, or tasks have ended.
    virtual void on_news() = 0;
    /// The session is over; nothing comes any more.
    virtual void on_gone(const std::string& why) = 0;

   protected:
    ~Events() = default;
  };

  virtual ~RemoteLine() = default;

  /// Events may come from now on. Once.
  virtual void start(Events& events) = 0;
  virtual bool has_room() const = 0;
  /// False: there is no room.
  virtual bool push(ByteSpan message) = 0;
  virtual uint64_t finished_tasks() const = 0;

  /// Waits until the bytes are in the head's store; the number by which a Put names them.
  /// kStoreFull.
  virtual Result<uint64_t> upload(ByteSpan bytes) = 0;
  /// Waits until the payload of a stored object is here.
  virtual Status download(rayd::ObjectId object, std::span<uint8_t> into) = 0;

  /// Ends the session, after what was pushed has left; waits for that, not for ever.
  virtual void close() = 0;
};

/// `client`'s session at that head, which keeps it for `silence`.
std::unique_ptr<RemoteLine> make_remote_line(std::unique_ptr<HeadDial> head, ClientId client,
                                             Duration silence);

struct RemoteOpen {
  std::string address;     // HOST:PORT of the head
  std::string token;       // the word
  std::string name;        // of the job: the program's
  std::string name_space;  // empty: one of its own
};

struct OpenedLine {  // what a session needs
  std::unique_ptr<RemoteLine> line;
  ClientId client;
  ImageHash image;
  std::string name_space;
};

/// Connects, brings this program's file, and opens a session.
Result<OpenedLine> open_remote_line(const RemoteOpen& request, const Environment& environment);

}  // namespace rayd::client
