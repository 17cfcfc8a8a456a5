#include "common/shm/extents.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "common/base/random.h"
#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::shm;

namespace {

constexpr uint64_t kPage = kPageBytes;
constexpr ClientId kAnn{1, 1};
constexpr ClientId kBob{1, 2};

Granted must_grant(ExtentTable& table, ClientId client, uint64_t bytes) {
  auto granted = table.grant(client, bytes);
  REQUIRE(granted);
  return *granted;
}

}  // namespace

TEST_CASE("grants are whole pages and count as used until released") {
  ExtentTable table{{.address_bytes = 1000 * kPage, .capacity_bytes = 100 * kPage}};
  const Granted one = must_grant(table, kAnn, 1);
  CHECK(one.extent.length == kPage);
  CHECK(one.pages == Granted::Pages::kFresh);
  const Granted two = must_grant(table, kAnn, 3 * kPage + 1);
  CHECK(two.extent.length == 4 * kPage);
  CHECK(table.used_bytes() == 5 * kPage);
  CHECK(table.release(two.extent).empty());
  CHECK(table.used_bytes() == kPage);
  CHECK(table.hot_bytes() == 4 * kPage);
  table.check();
}

TEST_CASE("the range released last is granted first, its pages warm") {
  ExtentTable table{{.address_bytes = 1000 * kPage, .capacity_bytes = 100 * kPage}};
  std::vector<Extent> extents;
  for (int i = 0; i < 6; ++i) extents.push_back(must_grant(table, kAnn, 4 * kPage).extent);
  for (const int released : {4, 0, 2}) CHECK(table.release(extents[released]).empty());
  for (const int expected : {2, 0, 4}) {
    const Granted granted = must_grant(table, kAnn, 4 * kPage);
    CHECK(granted.extent == extents[expected]);
    CHECK(granted.pages == Granted::Pages::kExist);
  }
}

TEST_CASE("a range goes to another client only after its writer died, and punched") {
  ExtentTable table{{.address_bytes = 20 * kPage, .capacity_bytes = 10 * kPage}};
  const Extent first = must_grant(table, kAnn, 10 * kPage).extent;
  CHECK(table.release(first).empty());

  const Granted second = must_grant(table, kBob, 10 * kPage);
  CHECK(second.punch == PunchList{first});  // Ann keeps the addresses, not the memory
  CHECK(second.extent.offset == first.end());
  CHECK(table.release(second.extent).empty());
  // No addresses are left for a third while both live.
  const auto third = table.grant(ClientId{1, 3}, kPage);
  REQUIRE_FALSE(third);
  CHECK(third.error().code == ErrorCode::kStoreFull);
  CHECK(third.error().message.find("addresses") != std::string::npos);

  CHECK(table.client_died(kAnn) == PunchList{first});
  CHECK(must_grant(table, ClientId{1, 3}, kPage).extent.offset == first.offset);
  table.check();
}

TEST_CASE("what a dead client wrote stays until released, then is punched and free for all") {
  ExtentTable table{{.address_bytes = 20 * kPage, .capacity_bytes = 10 * kPage}};
  const Extent adopted = must_grant(table, kAnn, 5 * kPage).extent;
  CHECK(table.client_died(kAnn).empty());
  CHECK(table.client_died(kAnn).empty());
  CHECK(table.used_bytes() == 5 * kPage);
  CHECK(table.is_granted(kAnn, adopted));
  CHECK(table.release(adopted) == PunchList{adopted});
  CHECK(table.used_bytes() == 0);
  CHECK(table.held_addresses() == 0);
  CHECK_FALSE(table.is_granted(kAnn, adopted));
  table.check();
}

TEST_CASE("a part of a grant can be released") {
  ExtentTable table{{.address_bytes = 20 * kPage, .capacity_bytes = 10 * kPage}};
  const Extent arena = must_grant(table, kAnn, 10 * kPage).extent;
  CHECK(table.release({arena.offset + 2 * kPage, 3 * kPage}).empty());
  CHECK(table.used_bytes() == 7 * kPage);
  CHECK(table.is_granted(kAnn, {arena.offset, 2 * kPage}));
  CHECK_FALSE(table.is_granted(kAnn, {arena.offset, 2 * kPage + 1}));
  CHECK(must_grant(table, kAnn, 3 * kPage).extent.offset == arena.offset + 2 * kPage);
  table.check();
}

TEST_CASE("a full store refuses with its sizes, and says memory") {
  ExtentTable table{{.address_bytes = 4096 * kPage, .capacity_bytes = 1024 * kPage}};
  must_grant(table, kAnn, 1000 * kPage);
  const auto refused = table.grant(kBob, 25 * kPage);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kStoreFull);
  CHECK(refused.error().message ==
        "the object store is out of memory: 1 MiB asked, 4 MiB of 4 MiB in use");
  CHECK_FALSE(table.grant(kBob, ~uint64_t{0}));
  CHECK_FALSE(table.grant(kBob, 0));
  CHECK(table.grant(kBob, 24 * kPage));
}

TEST_CASE("when memory is short the longest unused pages are punched, and no more than needed") {
  ExtentTable table{{.address_bytes = 1000 * kPage, .capacity_bytes = 10 * kPage}};
  const Extent a = must_grant(table, kAnn, 4 * kPage).extent;
  const Extent b = must_grant(table, kBob, 4 * kPage).extent;
  CHECK(table.release(a).empty());
  CHECK(table.release(b).empty());
  const Granted granted = must_grant(table, ClientId{1, 3}, 5 * kPage);
  CHECK(granted.punch == PunchList{{a.offset + kPage, 3 * kPage}});
  CHECK(table.hot_bytes() == 5 * kPage);
  table.check();
}

TEST_CASE("hot memory has a limit of its own") {
  ExtentTable table{
      {.address_bytes = 1000 * kPage, .capacity_bytes = 100 * kPage, .hot_bytes = 3 * kPage}};
  const Extent a = must_grant(table, kAnn, 2 * kPage).extent;
  const Extent b = must_grant(table, kBob, 2 * kPage).extent;
  CHECK(table.release(a).empty());
  CHECK(table.release(b) == PunchList{{a.offset + kPage, kPage}});
  table.check();
}

TEST_CASE("when addresses run out, side by side hot, cold and free ranges make one") {
  ExtentTable table{
      {.address_bytes = 12 * kPage, .capacity_bytes = 12 * kPage, .hot_bytes = 2 * kPage}};
  const Extent a = must_grant(table, kAnn, 4 * kPage).extent;
  const Extent b = must_grant(table, kAnn, 4 * kPage).extent;
  CHECK_FALSE(table.release(a).empty());  // half of it is cold
  CHECK_FALSE(table.release(b).empty());
  const Granted whole = must_grant(table, kAnn, 12 * kPage);
  CHECK(whole.extent == Extent{0, 12 * kPage});
  uint64_t punched = 0;
  for (const Extent& extent : whole.punch) punched += extent.length;
  CHECK(punched == 2 * kPage);
  table.check();
}

TEST_CASE("what a client says it wrote is checked against its grants, to the byte") {
  ExtentTable table{{.address_bytes = 100 * kPage, .capacity_bytes = 50 * kPage}};
  const Extent mine = must_grant(table, kAnn, 2 * kPage).extent;
  const Extent other = must_grant(table, kBob, 2 * kPage).extent;
  CHECK(table.is_granted(kAnn, {mine.offset + 64, 100}));
  CHECK_FALSE(table.is_granted(kAnn, {mine.offset + 64, 2 * kPage}));
  CHECK_FALSE(table.is_granted(kAnn, {other.offset, 64}));
  CHECK_FALSE(table.is_granted(kAnn, {mine.offset + 64, ~uint64_t{0} - 63}));
  CHECK_FALSE(table.is_granted(kAnn, {~uint64_t{0}, 1}));
  CHECK_FALSE(table.is_granted(kAnn, {1000 * kPage, 1}));
}

namespace {

/// The naive model: one entry per page, and no cleverness.
class PageModel {
 public:
  PageModel(uint64_t pages, uint64_t capacity) : pages_(pages), capacity_(capacity) {}

  void punch(const PunchList& list) {
    for (const Extent& extent : list) {
      each(extent, [](Page& page) {
        REQUIRE_FALSE(page.granted_to);  // never under a live object
        page.written_by.reset();
      });
    }
  }
  void grant(ClientId client, const Granted& granted) {
    punch(granted.punch);
    each(granted.extent, [&](Page& page) {
      REQUIRE_FALSE(page.granted_to);
      // Only the dead may have mapped it writable, and then nothing of theirs is left.
      REQUIRE((!page.mapped_by || *page.mapped_by == client));
      REQUIRE((!page.written_by || *page.written_by == client));
      if (granted.pages == Granted::Pages::kExist) REQUIRE(page.written_by);
      page = {.granted_to = client, .mapped_by = client, .written_by = client};
    });
    REQUIRE(count_written() * kPage <= capacity_);
  }
  void release(Extent extent, const PunchList& list) {
    each(extent, [](Page& page) { page.granted_to.reset(); });
    punch(list);
  }
  void died(ClientId client, const PunchList& list) {
    punch(list);
    for (Page& page : pages_) {
      if (page.mapped_by == client) page.mapped_by.reset();
      REQUIRE((page.written_by != client || page.granted_to == client));
    }
  }
  uint64_t used() const {
    return kPage *
           static_cast<uint64_t>(std::count_if(pages_.begin(), pages_.end(), [](const Page& page) {
             return page.granted_to.has_value();
           }));
  }
  /// The longest run of pages that `client` might get, whatever else happens.
  uint64_t longest_run(ClientId client) const {
    uint64_t longest = 0, run = 0;
    for (const Page& page : pages_) {
      const bool usable = !page.granted_to && (!page.mapped_by || page.mapped_by == client);
      run = usable ? run + 1 : 0;
      longest = std::max(longest, run);
    }
    return longest * kPage;
  }

 private:
  struct Page {
    std::optional<ClientId> granted_to;
    std::optional<ClientId> mapped_by;   // a living client that can write to it
    std::optional<ClientId> written_by;  // whose bytes lie in it
  };
  template <class Act>
  void each(Extent extent, Act act) {
    for (uint64_t at = extent.offset; at < extent.end(); at += kPage) act(pages_.at(at / kPage));
  }
  uint64_t count_written() const {
    return static_cast<uint64_t>(std::count_if(pages_.begin(), pages_.end(), [](const Page& page) {
      return page.written_by.has_value();
    }));
  }

  std::vector<Page> pages_;
  uint64_t capacity_;
};

/// One run of random grants, releases (whole and in part) and deaths against the model.
void compare_with_model(uint64_t seed) {
  Random random{seed};
  const uint64_t capacity = (8 + random.below(40)) * kPage;
  const uint64_t addresses = capacity + random.below(150) * kPage;
  ExtentTable table{{.address_bytes = addresses,
                     .capacity_bytes = capacity,
                     .hot_bytes = random.below(60) * kPage}};
  PageModel model{addresses / kPage, capacity};
  struct Live {
    ClientId client;
    Extent extent;
  };
  std::vector<Live> live;
  std::vector<ClientId> clients{{1, 1}, {1, 2}, {1, 3}};
  uint32_t last_serial = 3;
  for (int step = 0; step < 300; ++step) {
    const uint64_t what = random.below(20);
    ClientId& client = clients[random.below(clients.size())];
    if (what < 10) {
      const uint64_t bytes = 1 + random.below(random.chance(1, 10) ? capacity : 8 * kPage);
      const uint64_t whole = (bytes + kPage - 1) / kPage * kPage;
      const bool possible = model.used() + whole <= capacity && model.longest_run(client) >= whole;
      const auto granted = table.grant(client, bytes);
      INFO((granted ? "granted" : granted.error().message)
           << " " << bytes << " used " << model.used() << " cap " << capacity << " run "
           << model.longest_run(client));
      REQUIRE(granted.ok() == possible);
      if (!granted) continue;
      model.grant(client, *granted);
      live.push_back({client, granted->extent});
    } else if (what < 19) {
      if (live.empty()) continue;
      const size_t index = random.below(live.size());
      Live& chosen = live[index];
      const uint64_t pages = chosen.extent.length / kPage;
      const uint64_t tail = random.chance(1, 2) ? pages : 1 + random.below(pages);
      const Extent part{chosen.extent.end() - tail * kPage, tail * kPage};
      model.release(part, table.release(part));
      chosen.extent.length -= part.length;
      if (chosen.extent.length == 0) live.erase(live.begin() + static_cast<ptrdiff_t>(index));
    } else {
      model.died(client, table.client_died(client));
      client = ClientId{1, ++last_serial};
    }
    table.check();
    REQUIRE(table.used_bytes() == model.used());
  }
  for (const Live& rest : live) model.release(rest.extent, table.release(rest.extent));
  for (const ClientId client : clients) model.died(client, table.client_died(client));
  table.check();
  REQUIRE(table.used_bytes() == 0);
  REQUIRE(table.hot_bytes() == 0);
  REQUIRE(table.held_addresses() == 0);
}

}  // namespace

TEST_CASE("extents agree with a page by page model under random use") {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    compare_with_model(seed);
  }
}
