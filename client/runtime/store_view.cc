#include "client/runtime/store_view.h"

#include <algorithm>

namespace rayd::client {
namespace {

constexpr uint64_t kMaxArenaBytes = 16 << 20;
constexpr size_t kKeptExtents = 16;

shm::Extent range_of(const Extent& extent) { return {extent.offset, extent.length}; }

}  // namespace

Result<StoreView> StoreView::open(UniqueFd writable, UniqueFd readable) {
  auto size = shm::memory_file_size(readable.get());
  if (!size) return size.error();
  auto everything = shm::map_read_only(readable.get(), *size);
  if (!everything) return everything.error();
  return StoreView{std::move(writable), std::move(*everything)};
}

std::optional<Extent> StoreView::allocate(uint64_t bytes) {
  if (bytes > kMaxInArena) return std::nullopt;
  const auto piece = arena_.allocate(bytes);
  if (!piece) return std::nullopt;
  return Extent{arena_extent_.segment, piece->offset, piece->length};
}

RequestArena StoreView::arena_request(uint64_t bytes) const {
  if (bytes > kMaxInArena) return {0, bytes, RequestArena::Kind::kExtent};
  return {0, next_arena_bytes_, RequestArena::Kind::kArena};
}

Result<std::optional<Extent>> StoreView::granted(const RequestArena& request,
                                                 const Extent& extent) {
  if (extent.length < request.bytes || extent.offset % shm::kObjectAlignment != 0 ||
      extent.offset + extent.length > everything_.size()) {
    return Error{ErrorCode::kCorrupt, "the daemon granted an extent that does not fit the request"};
  }
  const auto memory = map(extent);
  if (!memory) return memory.error();
  if (request.kind == RequestArena::Kind::kExtent) {
    std::erase(extents_, extent.offset);
    extents_.push_back(extent.offset);
    while (extents_.size() > kKeptExtents) {
      mapped_.erase(extents_.front());
      extents_.pop_front();
    }
    return std::optional<Extent>{};
  }
  const uint64_t next_bytes = std::min(next_arena_bytes_ * 2, kMaxArenaBytes);
  const std::optional<Extent> closed = leave_arena();
  arena_extent_ = extent;
  arena_ = shm::Arena{range_of(extent)};
  next_arena_bytes_ = next_bytes;
  return closed;
}

std::optional<Extent> StoreView::leave_arena() {
  next_arena_bytes_ = kFirstArenaBytes;
  if (arena_extent_.length == 0) return std::nullopt;
  mapped_.erase(arena_extent_.offset);
  arena_ = shm::Arena{};
  return std::exchange(arena_extent_, Extent{});
}

Result<uint8_t*> StoreView::map(const Extent& extent) {
  const auto known = mapped_.find(extent.offset);
  if (known != mapped_.end() && known->second.length >= extent.length) {
    return known->second.mapping.data();
  }
  auto mapping = shm::map_range_writable(writable_fd_.get(), range_of(extent));
  if (!mapping) return mapping.error();
  uint8_t* memory = mapping->data();
  mapped_[extent.offset] = Mapped{extent.length, std::move(*mapping)};
  return memory;
}

uint8_t* StoreView::writable(const Extent& piece) {
  auto it = mapped_.upper_bound(piece.offset);
  RAY_CHECK(it != mapped_.begin());
  --it;
  const uint64_t begin = piece.offset - it->first;
  RAY_CHECK(begin + piece.length <= it->second.length);
  return it->second.mapping.data() + begin;
}

Result<ByteSpan> StoreView::payload(const Extent& extent) const {
  if (extent.length < shm::kObjectHeaderBytes || extent.offset > everything_.size() ||
      extent.length > everything_.size() - extent.offset) {
    return Error{ErrorCode::kCorrupt, "a stored object lies outside the store"};
  }
  const ByteSpan object{everything_.data() + extent.offset, extent.length};
  const auto header = shm::read_object_header(object);
  if (!header) return header.error();
  return shm::object_payload(object, *header);
}

}  // namespace rayd::client
