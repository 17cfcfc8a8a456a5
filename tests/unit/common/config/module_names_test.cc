#include "common/config/module_names.h"

#include "tests/unit/catch.h"

using namespace rayd;

namespace {

std::vector<ModuleContents> modules() {
  const char* models =
      R"({"functions":[{"name":"square"}],"workloads":[{"name":"square"},{"name":"game-of-life"}],
          "classes":[{"name":"lab::Counter",
             "factories":[{"type":"a","parameters":["int"]},{"type":"b","parameters":[]}],
             "methods":[{"name":"lab::Counter::Add"},{"name":"lab::Counter::Get"}]}]})";
  const char* other =
      R"({"functions":[{"name":"mine::square"},{"name":"yours::square"}],"workloads":[],
          "classes":[]})";
  return {{"models", {}, *Json::parse(models)}, {"other", {}, *Json::parse(other)}};
}

}  // namespace

TEST_CASE("an exact name wins over suffixes, and the shortest unique suffix will do") {
  CHECK(find_name(modules(), NameKind::kFunction, "square")->module_name == "models");
  CHECK(find_name(modules(), NameKind::kFunction, "mine::square")->name == "mine::square");
  CHECK(find_name(modules(), NameKind::kClass, "Counter")->name == "lab::Counter");
  CHECK(find_name(modules(), NameKind::kClass, "models:Counter")->name == "lab::Counter");
}

TEST_CASE("a word that means several things names them, one that means none names the nearest") {
  const auto several = find_name(modules(), NameKind::kFunction, "other:square");
  CHECK(several.error().code == ErrorCode::kInvalidArgument);
  CHECK(several.error().message.find("other:mine::square, other:yours::square") !=
        std::string::npos);
  const auto none = find_name(modules(), NameKind::kWorkload, "game-of-live");
  CHECK(none.error().code == ErrorCode::kNotFound);
  CHECK(none.error().message.find("game-of-life") != std::string::npos);
  CHECK(find_name(modules(), NameKind::kClass, "ounter").error().code == ErrorCode::kNotFound);
  CHECK(find_name(modules(), NameKind::kClass, "nowhere:Counter").error().message ==
        "there is no module nowhere; rayctl module list shows them");
}

TEST_CASE("factories are picked by their number of arguments, methods by their last name") {
  const auto counter = find_name(modules(), NameKind::kClass, "Counter");
  CHECK(*find_factory(*counter, 1)->find("type") == Json("a"));
  CHECK(*find_factory(*counter, 0)->find("type") == Json("b"));
  CHECK(find_factory(*counter, 3).error().code == ErrorCode::kInvalidArgument);
  CHECK(*find_method(*counter, "Add")->find("name") == Json("lab::Counter::Add"));
  CHECK(find_method(*counter, "Ad").error().message.find("Add") != std::string::npos);
}

TEST_CASE("a module is named after its file") {
  CHECK(default_module_name("/x/libmodels.so") == "models");
  CHECK(default_module_name("two.cc") == "two");
  CHECK(default_module_name("forest") == "forest");
}
