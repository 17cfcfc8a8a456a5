// main() for a fuzzer where libFuzzer is missing: replays a corpus, then tries seeded inputs.
//
//   NAME_fuzz [--runs N] [--seed S] [--max-len BYTES] [FILE or FOLDER …]
//
// Every file is replayed first. Then N inputs follow from the seed alone: random bytes, and
// mutations of the files (bits flipped, bytes set to edge values, parts cut, repeated or joined).
// An input that crashes the target is written to crash-NAME-S-INDEX in the working folder; give
// that file as an argument to see the crash again, and add it to the corpus with its fix. With
// clang the same target builds against libFuzzer instead: see README.md.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "common/base/random.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

using Bytes = std::vector<uint8_t>;

struct Arguments {
  uint64_t runs = 0;
  uint64_t seed = 1;
  uint64_t max_len = 4096;
  std::vector<std::string> paths;
};

Bytes current_input;
char crash_file[256];

/// Only what a signal handler may do.
void save_current_input() {
  const int file = ::open(crash_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return;
  const ssize_t written = ::write(file, current_input.data(), current_input.size());
  ::close(file);
  const char* words[] = {"\nthe input that failed is in ", crash_file, "\n"};
  for (const char* word : words) {
    if (::write(2, word, std::strlen(word)) < 0 || written < 0) return;
  }
}

void on_crash(int signal) {
  save_current_input();
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

void try_input(Bytes input, const std::string& name) {
  current_input = std::move(input);
  std::snprintf(crash_file, sizeof crash_file, "crash-%s", name.c_str());
  // An exact copy on the heap, so that ASan sees every byte read beyond the end.
  const Bytes exact(current_input.begin(), current_input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

Bytes random_bytes(rayd::Random& random, uint64_t max_len) {
  Bytes bytes(random.below(max_len + 1));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
  return bytes;
}

/// One small change; the kinds that find most in length-prefixed formats.
void mutate_once(Bytes& bytes, const Bytes& other, rayd::Random& random) {
  static constexpr uint8_t kEdges[] = {0, 1, 0x7F, 0x80, 0xFE, 0xFF};
  if (bytes.empty()) bytes.push_back(0);
  const size_t at = random.below(bytes.size());
  const auto place = bytes.begin() + static_cast<ptrdiff_t>(at);
  switch (random.below(6)) {
    case 0: bytes[at] ^= static_cast<uint8_t>(1u << random.below(8)); return;
    case 1: bytes[at] = kEdges[random.below(std::size(kEdges))]; return;
    case 2: bytes[at] = static_cast<uint8_t>(random.next()); return;
    case 3: bytes.resize(at); return;
    case 4: {
      const Bytes part(
          place, bytes.begin() + static_cast<ptrdiff_t>(at + random.below(bytes.size() - at) + 1));
      bytes.insert(place, part.begin(), part.end());
      return;
    }
    default:
      if (other.empty()) return;
      bytes.resize(at);
      bytes.insert(bytes.end(), other.begin() + static_cast<ptrdiff_t>(random.below(other.size())),
                   other.end());
  }
}

Bytes next_input(const std::vector<Bytes>& corpus, uint64_t max_len, rayd::Random& random) {
  if (corpus.empty() || random.chance(1, 3)) return random_bytes(random, max_len);
  Bytes bytes = corpus[random.below(corpus.size())];
  const Bytes& other = corpus[random.below(corpus.size())];
  for (uint64_t left = 1 + random.below(5); left > 0; --left) mutate_once(bytes, other, random);
  if (bytes.size() > max_len) bytes.resize(max_len);
  return bytes;
}

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::exit(2);
  }
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// The files named, and those in the folders named, in order of their names.
std::vector<std::filesystem::path> corpus_files(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> files;
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      files.emplace_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator{path}) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

Arguments parse(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    uint64_t* number = word == "--runs"      ? &arguments.runs
                       : word == "--seed"    ? &arguments.seed
                       : word == "--max-len" ? &arguments.max_len
                                             : nullptr;
    if (number != nullptr && i + 1 < count) {
      *number = std::strtoull(words[++i], nullptr, 10);
    } else if (number != nullptr || word.starts_with("--")) {
      std::fprintf(stderr, "usage: %s [--runs N] [--seed S] [--max-len BYTES] [PATH …]\n",
                   words[0]);
      std::exit(2);
    } else {
      arguments.paths.push_back(word);
    }
  }
  return arguments;
}

}  // namespace

int main(int count, char** words) {
  const Arguments arguments = parse(count, words);
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(save_current_input);
  }
  for (const int signal : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV}) {
    // ASan reports the other signals better than we can, and then calls back.
    if (signal == SIGABRT || __sanitizer_set_death_callback == nullptr) {
      ::signal(signal, on_crash);
    }
  }
  const std::string name = std::filesystem::path{words[0]}.filename();
  std::vector<Bytes> corpus;
  for (const auto& file : corpus_files(arguments.paths)) {
    corpus.push_back(read_file(file));
    try_input(corpus.back(), name + "-" + file.filename().string());
  }
  rayd::Random random{arguments.seed};
  for (uint64_t run = 0; run < arguments.runs; ++run) {
    try_input(next_input(corpus, arguments.max_len, random),
              name + "-" + std::to_string(arguments.seed) + "-" + std::to_string(run));
  }
  std::printf("%s: %zu files and %lu inputs from seed %lu ok\n", name.c_str(), corpus.size(),
              static_cast<unsigned long>(arguments.runs),
              static_cast<unsigned long>(arguments.seed));
  return 0;
}
