#include "client/core/session_core.h"

#include "tests/unit/catch.h"

using namespace rayd;
using client::SessionCore;

namespace {

const ClientId kSelf{1, 4};
const ClientId kOther{1, 5};

ObjectId foreign(uint64_t seq) { return TaskId::make(kOther, seq).object(1); }

Ready ready_with(ObjectId object, std::vector<ObjectId> contains) {
  Ready ready{object, {}};
  ready.value.kind = Value::Kind::kInline;
  ready.value.contains = std::move(contains);
  return ready;
}

std::vector<CountedObject> released(SessionCore& core) {
  core.flush_releases();
  std::vector<CountedObject> all;
  for (const ClientMessage& message : core.outbox()) {
    if (const auto* release = std::get_if<Release>(&message)) {
      all.insert(all.end(), release->objects.begin(), release->objects.end());
    }
  }
  core.outbox().clear();
  return all;
}

}  // namespace

TEST_CASE("an object's grant is given back when its last handle goes") {
  SessionCore core{kSelf};
  const ObjectId object = core.mint().object(1);
  core.created(object);
  core.add_handle(object);
  core.drop_handle(object);
  CHECK(released(core).empty());
  core.drop_handle(object);
  CHECK(released(core) == std::vector<CountedObject>{{object, 1}});
  CHECK(core.live_objects() == 0);
}

TEST_CASE("a value keeps what it contains until its own handle goes") {
  SessionCore core{kSelf};
  const ObjectId outer = core.mint().object(1);
  core.created(outer);
  core.on_ready(ready_with(outer, {foreign(1)}));
  CHECK(core.live_objects() == 2);
  core.add_handle(foreign(1));  // the program unpacked it
  core.drop_handle(outer);
  CHECK(released(core) == std::vector<CountedObject>{{outer, 1}});
  core.drop_handle(foreign(1));
  CHECK(released(core) == std::vector<CountedObject>{{foreign(1), 1}});
}

TEST_CASE("an answer for an object that nobody holds gives its grants back") {
  SessionCore core{kSelf};
  const ObjectId gone = core.mint().object(1);
  core.on_ready(ready_with(gone, {foreign(1)}));
  CHECK(released(core) == std::vector<CountedObject>{{foreign(1), 1}});
  CHECK(core.live_objects() == 0);
}

TEST_CASE("the second answer for a value counts its grants and changes nothing else") {
  SessionCore core{kSelf};
  const ObjectId outer = core.mint().object(1);
  core.created(outer);
  core.on_ready(ready_with(outer, {foreign(1)}));
  core.on_ready(ready_with(outer, {foreign(1)}));
  core.drop_handle(outer);
  CHECK(released(core) == std::vector<CountedObject>{{outer, 1}, {foreign(1), 2}});
}

TEST_CASE("wants ask once, for more only when more is needed, in messages that fit a ring") {
  SessionCore core{kSelf};
  std::vector<ObjectId> objects;
  for (int i = 0; i < 250; ++i) {
    objects.push_back(core.mint().object(1));
    core.created(objects.back());
  }
  core.want(objects, Want::Fetch::kNo);
  CHECK(core.outbox().size() == 3);
  core.outbox().clear();
  core.want(objects, Want::Fetch::kNo);
  CHECK(core.outbox().empty());
  core.on_ready(Ready{objects[0], {}});
  CHECK(core.is_known(objects[0], Want::Fetch::kNo));
  CHECK_FALSE(core.is_known(objects[0], Want::Fetch::kYes));
  core.want({objects.data(), 1}, Want::Fetch::kYes);
  REQUIRE(core.outbox().size() == 1);
  CHECK(std::get<Want>(core.outbox()[0]).objects == std::vector<ObjectId>{objects[0]});
}

TEST_CASE("after unwant the object can be wanted again") {
  SessionCore core{kSelf};
  const ObjectId object = core.mint().object(1);
  core.created(object);
  core.want({&object, 1}, Want::Fetch::kYes);
  core.unwant({&object, 1});
  core.outbox().clear();
  core.want({&object, 1}, Want::Fetch::kYes);
  CHECK(core.outbox().size() == 1);
}
