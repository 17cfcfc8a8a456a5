// A client for tests of the process side: in place of the executor, a worker that does what it is
// told over its channel. One packet an order, one packet an answer.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <dirent.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/runtime/worker_entry.h"
#include "tests/integration/process_client.h"

namespace process_test {

int constructed_by = 0;
int main_calls = 0;

namespace {

/// A grandchild in a session of its own, whose parent is dead: nothing ties it to the worker.
pid_t start_daemonised() {
  int report[2];
  if (pipe(report) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      setsid();
      const pid_t self = getpid();
      (void)!write(report[1], &self, sizeof self);
      for (;;) pause();
    }
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  pid_t grandchild = -1;
  (void)!read(report[0], &grandchild, sizeof grandchild);
  close(report[0]);
  close(report[1]);
  return grandchild;
}

pid_t start_plain_child() {
  const pid_t child = fork();
  while (child == 0) pause();
  return child;
}

std::string open_descriptors() {
  std::string list;
  DIR* directory = opendir("/proc/self/fd");
  while (const dirent* entry = readdir(directory)) {
    const int fd = std::atoi(entry->d_name);
    if (entry->d_name[0] == '.' || fd == dirfd(directory)) continue;
    list += std::to_string(fd) + ' ';
  }
  closedir(directory);
  return list;
}

std::string answer(const std::string& order, const std::string& argument) {
  if (order == "print") {
    std::printf("%s\n", argument.c_str());
    return "printed";
  }
  if (order == "complain") {
    std::fprintf(stderr, "%s", argument.c_str());
    return "printed";
  }
  if (order == "flood") {
    const std::string line(std::stoul(argument), 'x');
    (void)!write(STDOUT_FILENO, line.data(), line.size());
    return "flooded";
  }
  if (order == "environment") {
    const char* value = std::getenv(argument.c_str());
    return value == nullptr ? "(none)" : value;
  }
  if (order == "directory") {
    char path[4096];
    return getcwd(path, sizeof path) == nullptr ? "?" : path;
  }
  if (order == "constructed") return constructed_by == getpid() ? "here" : "in the zygote";
  if (order == "main") return std::to_string(main_calls);
  if (order == "descriptors") return open_descriptors();
  if (order == "pid") return std::to_string(getpid());
  if (order == "group") return std::to_string(getpgrp());
  if (order == "user") {
    return std::to_string(getuid()) + ' ' + std::to_string(getgid()) + ' ' +
           std::to_string(getgroups(0, nullptr));
  }
  if (order == "daemonise") return std::to_string(start_daemonised());
  if (order == "child") return std::to_string(start_plain_child());
  return "unknown order";
}

}  // namespace
}  // namespace process_test

int ray::internal::worker_main(const WorkerFds& fds) {
  if (fds.channel.empty()) return 0;
  char text[4096];
  for (;;) {
    const ssize_t size = recv(fds.channel[0], text, sizeof text, 0);
    if (size <= 0) return 0;
    const std::string line(text, static_cast<size_t>(size));
    const size_t space = line.find(' ');
    const std::string order = line.substr(0, space);
    const std::string argument = space == std::string::npos ? "" : line.substr(space + 1);
    if (order == "exit") return std::stoi(argument);
    const std::string reply = process_test::answer(order, argument);
    if (send(fds.channel[0], reply.data(), reply.size(), MSG_NOSIGNAL) < 0) return 0;
  }
}
