// A job, as it is submitted and as it ends, for tests of what heads do with jobs.
#pragma once

#include "tests/unit/daemon/head_fixture.h"

namespace rayd::head {

inline SubmitJob square() {
  SubmitJob submit;
  submit.request = 41;
  submit.operation = {ClientId{1, 0}, 9};
  submit.name = "square";
  submit.workload = "square";
  auto root = std::make_shared<CallTemplate>();
  root->kind = CallTemplate::Kind::kJobRoot;
  root->function.name = "square";
  submit.root = root;
  submit.now_unix_ms = 12;
  return submit;
}

inline AttemptDone done_with(TaskId task, const std::string& text) {
  AttemptDone done;
  done.task = task;
  done.attempt = 1;
  Value value;
  value.kind = Value::Kind::kInline;
  value.bytes = Bytes::copy(text);
  value.size = text.size();
  done.results.push_back(value);
  return done;
}

inline JobRow row_of(const HeadFixture& head, JobId job) {
  for (const JobRow& row : head.core.snapshot().jobs)
    if (row.job == job) return row;
  return {};
}

}  // namespace rayd::head
