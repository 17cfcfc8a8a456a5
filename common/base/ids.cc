#include "common/base/ids.h"

#include <charconv>
#include <vector>

namespace rayd {
namespace {

std::string dotted(std::string_view kind, std::initializer_list<uint64_t> parts) {
  std::string text{kind};
  char separator = '-';
  for (const uint64_t part : parts) {
    text += separator;
    text += std::to_string(part);
    separator = '.';
  }
  return text;
}

struct Form {
  std::string_view kind;
  std::vector<uint64_t> limits;  // of each part, inclusive
  std::string_view example;
};

Result<std::vector<uint64_t>> parse_dotted(std::string_view text, const Form& form) {
  const auto refuse = [&] {
    return Error{ErrorCode::kInvalidArgument, "'" + std::string{text} + "' is no " +
                                                  std::string{form.kind} + " id; one looks like " +
                                                  std::string{form.example}};
  };
  std::string_view rest = text;
  if (!rest.starts_with(form.kind)) return refuse();
  rest.remove_prefix(form.kind.size());
  std::vector<uint64_t> parts;
  char separator = '-';
  for (const uint64_t limit : form.limits) {
    if (rest.empty() || rest.front() != separator) return refuse();
    rest.remove_prefix(1);
    uint64_t part = 0;
    const auto [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), part);
    if (failure != std::errc{} || part > limit) return refuse();
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    parts.push_back(part);
    separator = '.';
  }
  if (!rest.empty()) return refuse();
  return parts;
}

constexpr uint64_t kMax32 = 0xFFFFFFFFu;

template <class IdType>
IdType from_parts(const std::vector<uint64_t>& parts) {
  IdType id;
  id.high = parts[0] << 32 | parts[1];
  id.low = parts[2] << 24 | (parts.size() > 3 ? parts[3] : 0);
  return id;
}

}  // namespace

std::string to_string(NodeId id) { return dotted("node", {id.value}); }
std::string to_string(ClientId id) { return dotted("worker", {id.node, id.serial}); }
std::string to_string(JobId id) { return dotted("job", {id.value}); }
std::string to_string(ObjectId id) {
  return dotted("obj", {id.client().node, id.client().serial, id.seq(), id.index()});
}
std::string to_string(TaskId id) {
  return dotted("task", {id.client().node, id.client().serial, id.seq()});
}
std::string to_string(ActorId id) {
  return dotted("actor", {id.client().node, id.client().serial, id.seq()});
}
std::string to_string(GroupId id) {
  return dotted("group", {id.client().node, id.client().serial, id.seq()});
}

std::string to_string(const ImageHash& hash) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : hash.bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Result<NodeId> parse_node_id(std::string_view text) {
  const auto parts = parse_dotted(text, {"node", {kMax32}, "node-1"});
  if (!parts) return parts.error();
  return NodeId{static_cast<uint32_t>((*parts)[0])};
}

Result<JobId> parse_job_id(std::string_view text) {
  const auto parts = parse_dotted(text, {"job", {kMax32}, "job-7"});
  if (!parts) return parts.error();
  return JobId{static_cast<uint32_t>((*parts)[0])};
}

Result<ClientId> parse_client_id(std::string_view text) {
  const auto parts = parse_dotted(text, {"worker", {kMax32, kMax32}, "worker-1.4"});
  if (!parts) return parts.error();
  return ClientId{static_cast<uint32_t>((*parts)[0]), static_cast<uint32_t>((*parts)[1])};
}

Result<ObjectId> parse_object_id(std::string_view text) {
  const auto parts =
      parse_dotted(text, {"obj", {kMax32, kMax32, Id::kMaxSeq, Id::kMaxIndex}, "obj-1.2.3.1"});
  if (!parts) return parts.error();
  return from_parts<ObjectId>(*parts);
}

Result<TaskId> parse_task_id(std::string_view text) {
  const auto parts = parse_dotted(text, {"task", {kMax32, kMax32, Id::kMaxSeq}, "task-1.2.3"});
  if (!parts) return parts.error();
  return from_parts<TaskId>(*parts);
}

Result<ActorId> parse_actor_id(std::string_view text) {
  const auto parts = parse_dotted(text, {"actor", {kMax32, kMax32, Id::kMaxSeq}, "actor-1.2.3"});
  if (!parts) return parts.error();
  return from_parts<ActorId>(*parts);
}

Result<GroupId> parse_group_id(std::string_view text) {
  const auto parts = parse_dotted(text, {"group", {kMax32, kMax32, Id::kMaxSeq}, "group-1.2.3"});
  if (!parts) return parts.error();
  return from_parts<GroupId>(*parts);
}

Result<ImageHash> parse_image_hash(std::string_view text) {
  ImageHash hash;
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  const Error refused{ErrorCode::kInvalidArgument,
                      "'" + std::string{text} + "' is no SHA-256 of 64 hex digits"};
  if (text.size() != 2 * hash.bytes.size()) return refused;
  for (size_t i = 0; i < hash.bytes.size(); ++i) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return refused;
    hash.bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return hash;
}

}  // namespace rayd
