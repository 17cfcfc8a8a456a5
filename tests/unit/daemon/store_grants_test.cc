#include "tests/unit/catch.h"
#include "tests/unit/daemon/node_harness.h"

using namespace rayd;
using namespace rayd::node;

namespace {

constexpr uint64_t kPage = 4096;

Extent ask(TestNode& node, ClientId client, uint64_t bytes,
           RequestArena::Kind kind = RequestArena::Kind::kArena) {
  node.from(client, RequestArena{1, bytes, kind});
  return node.take_one<ArenaGranted>().arena;
}

Extent part(const Extent& arena, uint64_t offset, uint64_t length) {
  return {arena.segment, arena.offset + offset, length};
}

ObjectId put(TestNode& node, ClientId client, uint64_t seq, const Extent& extent) {
  const ObjectId object = TaskId::make(client, seq).object(0);
  node.from(client, Put{object, stored_value(extent)});
  return object;
}

uint64_t used(const TestNode& node) { return node.core.snapshot().store_used_bytes; }

void release(TestNode& node, ClientId client, ObjectId object) {
  node.from(client, Release{{{object, 1}}});
}

}  // namespace

// Found by the simulator: the arena's record was known by an address that was no longer its own.
TEST_CASE("what a closed arena gave back may be somebody else's, while its rest lives on") {
  TestNode node;
  const ClientId client = node.connect();
  const Extent arena = ask(node, client, 16 * kPage);
  const ObjectId first = put(node, client, 1, part(arena, 0, kPage));
  const ObjectId middle = put(node, client, 2, part(arena, 2 * kPage, kPage));
  const ObjectId last = put(node, client, 3, part(arena, 4 * kPage, kPage));
  node.from(client, CloseArena{arena});
  release(node, client, first);
  const Extent again = ask(node, client, kPage);
  CHECK(again.offset == arena.offset);
  const ObjectId other = put(node, client, 4, part(again, 0, kPage));
  release(node, client, middle);
  release(node, client, last);
  node.from(client, CloseArena{again});
  CHECK(used(node) == kPage);
  release(node, client, other);
  CHECK(used(node) == 0);
}

TEST_CASE("a closed arena gives back page by page, as the objects in it end") {
  TestNode node;
  const ClientId client = node.connect();
  const Extent arena = ask(node, client, 8 * kPage);
  const ObjectId small = put(node, client, 1, part(arena, 0, 100));
  const ObjectId large = put(node, client, 2, part(arena, 128, 3 * kPage));
  node.from(client, CloseArena{arena});
  CHECK(used(node) == 4 * kPage);  // the last four were never written
  release(node, client, large);
  CHECK(used(node) == kPage);  // the first is shared with the small one
  release(node, client, small);
  CHECK(used(node) == 0);
  CHECK(node.take<SessionError>().empty());
}

TEST_CASE("an open arena keeps its pages until it is closed") {
  TestNode node;
  const ClientId client = node.connect();
  const Extent arena = ask(node, client, 4 * kPage);
  release(node, client, put(node, client, 1, part(arena, 0, 2 * kPage)));
  CHECK(used(node) == 4 * kPage);
  node.from(client, CloseArena{arena});
  CHECK(used(node) == 0);
}

TEST_CASE("an extent of its own holds one object and goes with it") {
  TestNode node;
  const ClientId client = node.connect();
  const Extent extent = ask(node, client, 10 * kPage, RequestArena::Kind::kExtent);
  const ObjectId object = put(node, client, 1, part(extent, 0, 9 * kPage + 64));
  CHECK(used(node) == 10 * kPage);
  release(node, client, object);
  CHECK(used(node) == 0);
}

TEST_CASE("what a client says it wrote is believed only where it may write, and once") {
  TestNode node;
  const ClientId client = node.connect();
  const ClientId other = node.connect();
  const Extent arena = ask(node, client, 4 * kPage);
  const Extent extent = ask(node, client, kPage, RequestArena::Kind::kExtent);
  put(node, client, 1, part(arena, 0, 256));
  SECTION("in another's arena") { put(node, other, 1, part(arena, 512, 100)); }
  SECTION("over a live object") { put(node, client, 2, part(arena, 192, 100)); }
  SECTION("beyond the arena's end") { put(node, client, 2, part(arena, 3 * kPage, 2 * kPage)); }
  SECTION("at an odd place") { put(node, client, 2, part(arena, 520, 100)); }
  SECTION("with a length that wraps around") {
    put(node, client, 2, part(arena, 512, ~uint64_t{0} - 64));
  }
  SECTION("in the middle of a large object's extent") {
    put(node, client, 2, part(extent, 64, 100));
  }
  SECTION("in another segment") { put(node, client, 2, Extent{1, arena.offset + 512, 100}); }
  SECTION("in an arena that it closed") {
    node.from(client, CloseArena{arena});
    put(node, client, 2, part(arena, 512, 100));
  }
  CHECK(node.take<SessionError>().size() == 1);
}

TEST_CASE("a client closes only arenas it has") {
  TestNode node;
  const ClientId client = node.connect();
  const ClientId other = node.connect();
  const Extent arena = ask(node, client, kPage);
  node.from(other, CloseArena{arena});
  CHECK(node.take<SessionError>().size() == 1);
  node.from(client, CloseArena{arena});
  node.from(client, CloseArena{arena});
  CHECK(node.take<SessionError>().size() == 1);
}

TEST_CASE("a request without room waits in order for frees, and is refused at its deadline") {
  TestNode node;  // 1 MiB
  const ClientId client = node.connect();
  const ClientId other = node.connect();
  const Extent first = ask(node, client, 900 * 1024, RequestArena::Kind::kExtent);
  const ObjectId object = put(node, client, 1, first);
  node.from(other, RequestArena{7, 512 * 1024, RequestArena::Kind::kArena});
  node.from(other, RequestArena{8, kPage, RequestArena::Kind::kArena});
  CHECK(node.take<ArenaGranted>().empty());
  REQUIRE(node.core.next_deadline());
  SECTION("room comes") {
    release(node, client, object);
    const auto granted = node.take<ArenaGranted>();
    REQUIRE(granted.size() == 2);
    CHECK(granted[0].request == 7);
    CHECK(granted[1].request == 8);
  }
  SECTION("no room comes") {
    node.pass(Duration::seconds(10));
    const auto refused = node.take<ArenaRefused>();
    REQUIRE(refused.size() == 2);
    CHECK(refused[0].used_bytes == 900 * 1024);
    CHECK(refused[0].capacity_bytes == 1 << 20);
  }
  SECTION("who asked is gone") {
    node.on(ClientGone{other});
    release(node, client, object);
    CHECK(node.take<ArenaGranted>().empty());
  }
}

TEST_CASE("what can never fit is refused at once") {
  TestNode node;
  const ClientId client = node.connect();
  node.from(client, RequestArena{1, 2 << 20, RequestArena::Kind::kExtent});
  CHECK(node.take<ArenaRefused>().size() == 1);
  node.from(client, RequestArena{2, 0, RequestArena::Kind::kArena});
  CHECK(node.take<ArenaRefused>().size() == 1);
}

TEST_CASE("a dead client's ranges are punched, but for what somebody still holds") {
  TestNode node;
  const ClientId client = node.connect();
  const ClientId other = node.connect();
  const Extent arena = ask(node, client, 64 * kPage);
  const Extent kept = ask(node, other, 4 * kPage);
  put(node, client, 1, part(arena, 0, 3 * kPage));
  const ObjectId live = put(node, other, 1, part(kept, 0, kPage));
  node.on(ClientGone{client});
  CHECK(used(node) == 4 * kPage);
  uint64_t punched = 0;
  for (const FreeExtent& freed : node.take<FreeExtent>()) punched += freed.extent.length;
  CHECK(punched == 64 * kPage);
  release(node, other, live);
  node.on(ClientGone{other});
  CHECK(used(node) == 0);
}
