// The `--ray_…` flags, ids as text, and which exception a code becomes.
#include "tests/unit/catch.h"

#include "ray/api.h"

using namespace ray::internal;

namespace {

ray::RayConfig with_flags(std::vector<const char*> words) {
  ray::RayConfig config;
  words.insert(words.begin(), "program");
  apply_flags(config, static_cast<int>(words.size()), words.data());
  return config;
}

template <class Exception>
bool throws_exactly(ErrorInfo info) {
  try {
    throw_error(std::make_shared<const ErrorInfo>(info));
  } catch (const ray::RayException& thrown) {
    return typeid(thrown) == typeid(Exception) && thrown.code() == info.code;
  }
}

ErrorInfo info_of(ray::ErrorCode code, std::string actor = "") {
  ErrorInfo info;
  info.code = code;
  info.actor = std::move(actor);
  return info;
}

}  // namespace

TEST_CASE("flags override the config, in both spellings") {
  CHECK(with_flags({"--ray_address=unix:/x"}).address == "unix:/x");
  CHECK(with_flags({"-ray_address", "y", "other"}).address == "y");
  CHECK(with_flags({"--ray_code_search_path=/a:/b"}).code_search_path ==
        std::vector<std::string>{"/a", "/b"});
  CHECK(with_flags({"--ray_head_args", "--num-cpus 2"}).head_args ==
        std::vector<std::string>{"--num-cpus", "2"});
  CHECK(with_flags({"--ray_default_actor_lifetime=DETACHED"}).default_actor_lifetime ==
        ray::ActorLifetime::DETACHED);
  CHECK(with_flags({"--ray_job_namespace=n"}).ray_namespace == "n");
}

TEST_CASE("what is no flag of Ray's is left alone") {
  CHECK(with_flags({"--raytracing", "--verbose", "ray_address=x"}).address.empty());
  CHECK(with_flags({"--", "--ray_unknown"}).address.empty());
}

TEST_CASE("a flag of Ray's that is unknown or lacks its value is refused") {
  CHECK_THROWS_WITH(with_flags({"--ray_adress=x"}), Catch::Contains("--ray_address"));
  CHECK_THROWS_AS(with_flags({"--ray_address"}), ray::RayException);
  CHECK_THROWS_AS(with_flags({"--ray_default_actor_lifetime=short"}), ray::RayException);
}

TEST_CASE("ids are text and come back from it") {
  const ObjectId id{uint64_t{1} << 32 | 2, 3 << 24 | 1};
  CHECK(object_id_of(to_text(id)) == id);
  CHECK(to_text(ObjectId()).empty());
  CHECK(object_id_of("").is_nil());
  CHECK_THROWS_AS(object_id_of("task-1.2.3"), ray::RayException);
  const ActorId actor{id.high, 3 << 24};
  CHECK(actor_id_of(to_text(actor)) == actor);
  CHECK_THROWS_AS(actor_id_of("nobody"), ray::RayException);
}

TEST_CASE("every code is one exception") {
  using Code = ray::ErrorCode;
  CHECK(throws_exactly<ray::RayTaskException>(info_of(Code::kTaskThrew)));
  CHECK(throws_exactly<ray::RayTaskException>(info_of(Code::kTaskThrew, "actor-1.2.3")));
  CHECK(throws_exactly<ray::RayTaskException>(info_of(Code::kCancelled)));
  CHECK(throws_exactly<ray::RayActorException>(info_of(Code::kCancelled, "actor-1.2.3")));
  CHECK(throws_exactly<ray::RayTaskException>(info_of(Code::kNodeDied)));
  CHECK(throws_exactly<ray::RayActorException>(info_of(Code::kNodeDied, "actor-1.2.3")));
  CHECK(throws_exactly<ray::RayWorkerException>(info_of(Code::kWorkerDied)));
  CHECK(throws_exactly<ray::RayActorException>(info_of(Code::kActorDied)));
  CHECK(throws_exactly<ray::UnreconstructableException>(info_of(Code::kOwnerDied)));
  CHECK(throws_exactly<ray::UnreconstructableException>(info_of(Code::kObjectLost)));
  CHECK(throws_exactly<ray::RayFunctionNotFound>(info_of(Code::kFunctionNotFound)));
  CHECK(throws_exactly<ray::RayRuntimeEnvException>(info_of(Code::kRuntimeEnv)));
  CHECK(throws_exactly<ray::RayTimeoutException>(info_of(Code::kTimeout)));
  CHECK(throws_exactly<ray::RayException>(info_of(Code::kPendingCallsLimit)));
  CHECK(throws_exactly<ray::RayException>(info_of(Code::kStoreFull)));
}

TEST_CASE("an exception's text has the type, the message and the place") {
  ErrorInfo info = info_of(ray::ErrorCode::kTaskThrew, "actor-1.2.3");
  info.remote_type = "std::logic_error";
  info.message = "no";
  info.function = "f";
  info.task = "task-1.2.4";
  info.node = "node-1";
  info.attempt = 2;
  const ray::RayTaskException thrown(std::make_shared<const ErrorInfo>(info));
  CHECK(std::string(thrown.what()) ==
        "std::logic_error: no (in f, task-1.2.4, actor-1.2.3, node-1, attempt 2)");
}
