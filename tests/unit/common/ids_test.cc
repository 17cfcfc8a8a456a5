#include "common/base/ids.h"

#include "tests/unit/catch.h"

using namespace rayd;

TEST_CASE("an object id names its owner, its task and its index") {
  const TaskId task = TaskId::make(ClientId{3, 9}, Id::kMaxSeq);
  const ObjectId object = task.object(Id::kMaxIndex);
  CHECK(object.node() == NodeId{3});
  CHECK(object.client() == ClientId{3, 9});
  CHECK(object.seq() == Id::kMaxSeq);
  CHECK(object.index() == Id::kMaxIndex);
  CHECK(object.task() == task);
  CHECK(ActorId::of(task).creation() == task);
}

TEST_CASE("every id reads back from its text") {
  const TaskId task = TaskId::make(ClientId{1, 2}, 3);
  CHECK(*parse_task_id(to_string(task)) == task);
  CHECK(*parse_object_id(to_string(task.object(4))) == task.object(4));
  CHECK(*parse_actor_id(to_string(ActorId::of(task))) == ActorId::of(task));
  CHECK(*parse_node_id(to_string(NodeId{7})) == NodeId{7});
  CHECK(*parse_job_id(to_string(JobId{8})) == JobId{8});
  CHECK(*parse_client_id(to_string(ClientId{1, 2})) == ClientId{1, 2});
}

TEST_CASE("a text that is no id is refused by name and form") {
  for (const char* text : {"", "task-", "task-1.2", "task-1.2.3.4", "obj-1.2.3", "task-1.2.x",
                           "task-1.2.1099511627776", "job-4294967296", "job--1", "actor 1.2.3"}) {
    INFO(text);
    CHECK_FALSE(parse_task_id(text).ok());
    CHECK_FALSE(parse_job_id(text).ok());
  }
  CHECK(parse_job_id("jobs").error().message == "'jobs' is no job id; one looks like job-7");
}
