#include "daemon/shell/worker_processes_output.h"

#include <vector>

#include "common/base/random.h"
#include "tests/unit/catch.h"

using namespace rayd;

namespace {

struct Lines {
  explicit Lines(size_t max_line) : splitter(max_line) {}
  void push(std::string_view bytes) {
    splitter.push(bytes, [this](std::string_view line) { seen.emplace_back(line); });
  }
  void finish() {
    splitter.finish([this](std::string_view line) { seen.emplace_back(line); });
  }

  LineSplitter splitter;
  std::vector<std::string> seen;
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("lines are delivered without their ends, empty ones too") {
  Lines lines{10};
  lines.push("one\n\ntwo\n");
  CHECK(lines.seen == Texts{"one", "", "two"});
  lines.finish();
  CHECK(lines.seen.size() == 3);
}

TEST_CASE("an unfinished line waits for its end, or for the end of the stream") {
  Lines lines{10};
  lines.push("on");
  lines.push("e");
  CHECK(lines.seen.empty());
  lines.push("\ntw");
  CHECK(lines.seen == Texts{"one"});
  lines.finish();
  CHECK(lines.seen == Texts{"one", "tw"});
}

TEST_CASE("a long line comes in pieces, and one of just the limit in one") {
  Lines lines{4};
  lines.push("abcd\nabcdefghij\n");
  CHECK(lines.seen == Texts{"abcd", "abcd", "efgh", "ij"});
}

TEST_CASE("any bytes pass") {
  Lines lines{16};
  lines.push(std::string_view{"\0\xff\r\n\x80", 5});
  lines.finish();
  CHECK(lines.seen == Texts{std::string{"\0\xff\r", 3}, "\x80"});
}

TEST_CASE("how a stream is cut into reads changes nothing") {
  Random random{7};
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (uint64_t i = random.below(60); i > 0; --i) text += random.chance(1, 5) ? '\n' : 'x';
    Lines whole{5};
    whole.push(text);
    whole.finish();
    Lines cut{5};
    for (size_t at = 0; at < text.size();) {
      const size_t size = 1 + random.below(7);
      cut.push(std::string_view{text}.substr(at, size));
      at += size;
    }
    cut.finish();
    CHECK(cut.seen == whole.seen);
  }
}
