// What a process prints, line by line, from a pipe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "common/base/unique_fd.h"

namespace rayd {

/// Cuts a stream of bytes into lines of at most `max_line` bytes. Keeps only an unfinished line.
class LineSplitter {
 public:
  explicit LineSplitter(size_t max_line) : max_line_(max_line) {}

  template <class OnLine>
  void push(std::string_view bytes, OnLine on_line) {
    while (!bytes.empty()) {
      const size_t end = bytes.find('\n');
      const size_t room = max_line_ - partial_.size();
      if (end != std::string_view::npos && end <= room) {
        deliver(bytes.substr(0, end), on_line);
        bytes.remove_prefix(end + 1);
      } else if (bytes.size() > room) {
        deliver(bytes.substr(0, room), on_line);
        bytes.remove_prefix(room);
      } else {
        partial_.append(bytes);
        return;
      }
    }
  }

  /// The stream has ended: what is left is the last line.
  template <class OnLine>
  void finish(OnLine on_line) {
    if (!partial_.empty()) deliver({}, on_line);
  }

 private:
  template <class OnLine>
  void deliver(std::string_view rest, OnLine& on_line) {
    if (partial_.empty()) {
      on_line(rest);
      return;
    }
    partial_.append(rest);
    std::string line;
    line.swap(partial_);  // long ones give their memory back
    on_line(std::string_view{line});
  }

  size_t max_line_;
  std::string partial_;
};

/// Reads a pipe as it fills, one read per turn of the event loop, so that no process starves
/// others.
class OutputReader : public std::enable_shared_from_this<OutputReader> {
 public:
  using OnLine = std::function<void(std::string_view line)>;

  OutputReader(boost::asio::io_context& io, UniqueFd pipe, size_t max_line, OnLine on_line);
  ~OutputReader();

  void start();
  void hold();
  void release();
  /// Delivers what the pipe holds now and the unfinished line; then nothing more comes. For a
  /// stream nobody writes to any more.
  void finish();

 private:
  class Watch;
  enum class Read : uint8_t { kSome, kNothing, kEnd };
  void wait();
  Read read_once();
  void end();

  UniqueFd pipe_;
  LineSplitter lines_;
  OnLine on_line_;
  std::unique_ptr<Watch> watch_;
  bool held_ = false;
  bool waiting_ = false;
};

}  // namespace rayd
