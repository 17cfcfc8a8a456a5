// Identities: made once, the same for ever, and refused when they are not safe.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <latch>
#include <set>
#include <thread>
#include <vector>

#include "common/net/identity.h"
#include "tests/unit/catch.h"
#include "tests/unit/common/net_fixture.h"

using namespace rayd;
using namespace rayd::test;

namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

/// A folder with an identity, and how loading it fails once the test has spoiled it.
struct Spoiled {
  Spoiled() { REQUIRE(Identity::load_or_make(folder).ok()); }
  Error load() const {
    const auto loaded = Identity::load_or_make(folder);
    REQUIRE_FALSE(loaded.ok());
    CHECK(loaded.error().message.find(folder) != std::string::npos);
    return loaded.error();
  }

  TempDirectory directory;
  std::string folder = directory.file("state");
  std::string file = identity_file(folder);
};

}  // namespace

TEST_CASE("an identity is made on first start and is the same ever after") {
  const TempDirectory directory;
  const auto made = Identity::load_or_make(directory.file("state"));
  REQUIRE(made.ok());
  CHECK_FALSE(made->hash().is_nil());
  const auto loaded = Identity::load_or_make(directory.file("state"));
  REQUIRE(loaded.ok());
  CHECK(loaded->hash() == made->hash());
  CHECK(Identity::make_ephemeral().hash() != made->hash());
}

TEST_CASE("an identity lies in one file that only its owner reads, and nothing else is left") {
  const TempDirectory directory;
  REQUIRE(Identity::load_or_make(directory.file("state")).ok());
  struct stat status {};
  REQUIRE(::stat(identity_file(directory.file("state")).c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  REQUIRE(::stat(directory.file("state").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
  const std::filesystem::directory_iterator files(directory.file("state"));
  CHECK(std::distance(begin(files), end(files)) == 1);
}

TEST_CASE("starters that race end with one identity") {
  constexpr int kStarters = 8;
  for (int round = 0; round < 5; ++round) {
    const TempDirectory directory;
    std::latch together(kStarters);
    std::vector<KeyHash> hashes(kStarters);
    std::vector<std::thread> starters;
    for (KeyHash& hash : hashes) {
      starters.emplace_back([&] {
        together.arrive_and_wait();
        const auto identity = Identity::load_or_make(directory.path());
        if (identity.ok()) hash = identity->hash();
      });
    }
    for (std::thread& starter : starters) starter.join();
    CHECK(std::set<KeyHash>(hashes.begin(), hashes.end()).size() == 1);
    CHECK_FALSE(hashes[0].is_nil());
  }
}

TEST_CASE("a key that others may read is refused, with the command that mends it") {
  const Spoiled spoiled;
  REQUIRE(::chmod(spoiled.file.c_str(), 0640) == 0);
  const Error error = spoiled.load();
  CHECK(error.code == ErrorCode::kNotAllowed);
  CHECK(error.message.find("chmod 600 " + spoiled.file) != std::string::npos);
}

TEST_CASE("a folder in which others could replace the identity is refused") {
  const Spoiled spoiled;
  REQUIRE(::chmod(spoiled.folder.c_str(), 0777) == 0);
  const Error error = spoiled.load();
  CHECK(error.code == ErrorCode::kNotAllowed);
  CHECK(error.message.find("chmod go-w " + spoiled.folder) != std::string::npos);
}

TEST_CASE("an identity that cannot be read is told from a missing one") {
  const Spoiled spoiled;
  if (::geteuid() == 0) {
    REQUIRE(::chown(spoiled.file.c_str(), 12345, 12345) == 0);
  } else {
    REQUIRE(::chmod(spoiled.file.c_str(), 0) == 0);
  }
  CHECK(spoiled.load().code == ErrorCode::kNotAllowed);
}

TEST_CASE("a damaged identity is never replaced by a new one in silence") {
  const Spoiled spoiled;
  const std::string good = read_file(spoiled.file);
  const size_t certificate = good.find("-----BEGIN CERTIFICATE");
  REQUIRE(certificate != std::string::npos);
  const TempDirectory elsewhere;
  REQUIRE(Identity::load_or_make(elsewhere.path()).ok());
  const std::string other = read_file(identity_file(elsewhere.path()));
  std::string flipped = good;
  flipped[certificate + 40] = flipped[certificate + 40] == 'A' ? 'B' : 'A';
  const std::string spoils[] = {
      "",
      "not an identity",
      good.substr(0, certificate),
      good.substr(certificate),
      flipped,
      good.substr(0, good.size() / 2),
      good.substr(0, certificate) + other.substr(other.find("-----BEGIN CERTIFICATE"))};
  for (const std::string& spoil : spoils) {
    write_file(spoiled.file, spoil);
    const Error error = spoiled.load();
    CHECK(error.code == ErrorCode::kCorrupt);
    CHECK(error.message.find("remove it") != std::string::npos);
    CHECK(read_file(spoiled.file) == spoil);
  }
  write_file(spoiled.file, good);
  CHECK(Identity::load_or_make(spoiled.folder).ok());
}

TEST_CASE("what lies where the identity should is named") {
  const TempDirectory directory;
  REQUIRE(::mkdir(identity_file(directory.path()).c_str(), 0700) == 0);
  CHECK(Identity::load_or_make(directory.path()).error().code == ErrorCode::kInvalidArgument);
  write_file(directory.file("plain"), "");
  CHECK(Identity::load_or_make(directory.file("plain")).error().code ==
        ErrorCode::kInvalidArgument);
  CHECK(Identity::load_or_make(directory.file("no/parent")).error().code ==
        ErrorCode::kUnavailable);
}

TEST_CASE("an identity's text is read back, and a mistake is named") {
  const KeyHash hash = Identity::make_ephemeral().hash();
  const std::string text = to_string(hash);
  CHECK(text.size() == 52);
  CHECK(text.starts_with(short_name(hash)));
  REQUIRE(parse_key_hash(text).ok());
  CHECK(*parse_key_hash(text) == hash);
  CHECK(parse_key_hash("").error().code == ErrorCode::kInvalidArgument);
  CHECK(parse_key_hash(text.substr(1)).error().code == ErrorCode::kInvalidArgument);
  CHECK(parse_key_hash("1" + text.substr(1)).error().code == ErrorCode::kInvalidArgument);
}
