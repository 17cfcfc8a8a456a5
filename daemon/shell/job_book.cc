#include "daemon/shell/job_book.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "common/base/iso_time.h"
#include "common/base/unique_fd.h"
#include "common/wire/job_wire.h"

namespace rayd::shell {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLinesInMemory = 10'000;
constexpr uint64_t kBytesReadAgain = 4 << 20;  // of an earlier daemon's log
constexpr char kUnfinished[] = ".part";

Error failure(const std::string& what) {
  return {ErrorCode::kInternal, what + ": " + std::strerror(errno)};
}

/// Stays inside its folder: no empty, "." or ".." segment, no leading "/", nothing unprintable.
bool is_file_name(const std::string& name) {
  if (name.empty() || name.size() > 255 || name.ends_with(kUnfinished)) return false;
  size_t begin = 0;
  while (begin <= name.size()) {
    const size_t end = std::min(name.find('/', begin), name.size());
    const std::string segment = name.substr(begin, end - begin);
    if (segment.empty() || segment == "." || segment == "..") return false;
    begin = end + 1;
  }
  return std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < 32 || c == 127; });
}

/// A line as it stands in the log.
std::string text_of(const BookLine& line) {
  const bool is_output = line.stream == BookLine::Stream::kOutput;
  return iso_time(line.unix_ms) + (is_output ? " (" : " [") + line.source +
         (is_output ? ") " : "] ") + line.text + "\n";
}

/// What is no such line, such as one that was cut off, is the text of nobody.
BookLine parse_line(std::string_view text) {
  BookLine line;
  constexpr size_t kTime = sizeof "2026-11-24T12:16:29.250Z" - 1;
  const auto time = parse_iso_time(text.substr(0, kTime));
  const bool is_output = text.substr(std::min(kTime, text.size())).starts_with(" (");
  const size_t end = text.find(is_output ? ") " : "] ", kTime);
  if (!time || end == std::string_view::npos || text[kTime + 1] != (is_output ? '(' : '[')) {
    line.text = text;
    return line;
  }
  line.unix_ms = *time;
  line.source = text.substr(kTime + 2, end - kTime - 2);
  line.stream = is_output ? BookLine::Stream::kOutput : BookLine::Stream::kErrors;
  line.text = text.substr(end + 2);
  return line;
}

/// The last lines of a file, whole ones, in at most so many bytes.
std::vector<BookLine> last_lines(const std::string& path, uint64_t most_bytes) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<uint64_t>(file.tellg());
  const uint64_t begin = size > most_bytes ? size - most_bytes : 0;
  file.seekg(static_cast<std::streamoff>(begin));
  std::string text;
  if (begin > 0) std::getline(file, text);  // the rest of one that began before
  std::vector<BookLine> lines;
  while (std::getline(file, text)) lines.push_back(parse_line(text));
  return lines;
}

bool is_over(JobState state) { return state >= JobState::kSucceeded; }

}  // namespace

struct JobBook::Book {
  JobRow row;
  JobProgress progress;
  std::vector<JobFileInfo> files;
  std::deque<std::pair<uint64_t, BookLine>> lines;  // by cursor
  uint64_t changed_at = 0;
  UniqueFd log;
  uint64_t log_bytes = 0;
  bool has_all_lines = false;  // those of an earlier daemon too, or there are none
};

JobBook::JobBook(const Places& places, const Config& config)
    : jobs_dir_(places.jobs_dir()),
      logs_dir_(places.job_logs_dir()),
      max_log_bytes_(static_cast<uint64_t>(config.job_log_size)),
      jobs_kept_(static_cast<size_t>(std::max<int64_t>(config.jobs_kept, 1))) {
  std::error_code ignored;
  fs::create_directories(jobs_dir_, ignored);
  fs::create_directories(logs_dir_, ignored);
}

JobBook::~JobBook() = default;

std::string JobBook::folder_of(JobId job) const { return jobs_dir_ + "/" + to_string(job); }
std::string JobBook::log_of(JobId job) const { return logs_dir_ + "/" + to_string(job) + ".log"; }

JobBook::Book& JobBook::book_of(JobId job) {
  std::unique_ptr<Book>& book = books_[job];
  if (!book) {
    book = std::make_unique<Book>();
    book->row.job = job;
    find_files(*book, job);
    trim();
  }
  return *book;
}

/// Those of a job that an earlier daemon ran.
void JobBook::find_files(Book& book, JobId job) const {
  const fs::path folder = folder_of(job) + "/files";
  std::error_code ignored;
  for (auto it = fs::recursive_directory_iterator(folder, ignored);
       it != fs::recursive_directory_iterator{}; it.increment(ignored)) {
    const std::string name = it->path().lexically_relative(folder).string();
    if (!it->is_regular_file(ignored) || !is_file_name(name)) continue;
    book.files.push_back({name, it->file_size(ignored)});
  }
  std::sort(book.files.begin(), book.files.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
}

/// Those that an earlier daemon wrote, before those of this one.
void JobBook::find_lines(Book& book, JobId job) const {
  if (book.has_all_lines || job == JobId{}) return;
  book.has_all_lines = true;
  std::vector<BookLine> found = last_lines(log_of(job), kBytesReadAgain);
  if (found.size() < book.lines.size()) return;
  found.resize(found.size() - book.lines.size());  // this daemon's stand there too
  while (!found.empty() && book.lines.size() < kLinesInMemory) {
    book.lines.emplace_front(1, std::move(found.back()));
    found.pop_back();
  }
}

/// The oldest finished jobs go, with their files; their logs stay until they are overwritten.
void JobBook::trim() {
  size_t surplus = books_.size() > jobs_kept_ ? books_.size() - jobs_kept_ : 0;
  for (auto it = books_.begin(); it != books_.end() && surplus > 0;) {
    if (it->first == JobId{} || !it->second || !is_over(it->second->row.state)) {
      ++it;
      continue;
    }
    std::error_code ignored;
    fs::remove_all(folder_of(it->first), ignored);
    fs::remove(log_of(it->first), ignored);
    it = books_.erase(it);
    --surplus;
  }
}

// ---- what happens -----------------------------------------------------------------------------

void JobBook::append_to_log(Book& book, JobId job, const BookLine& line) {
  if (job == JobId{}) return;
  const std::string path = log_of(job);
  if (!book.log) {
    book.log.reset(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    struct stat status {};
    if (fstat(book.log.get(), &status) == 0) book.log_bytes = static_cast<uint64_t>(status.st_size);
  }
  if (book.log_bytes > max_log_bytes_) {
    // The full file makes room for a new one; one older is kept.
    std::error_code ignored;
    fs::rename(path, path + ".1", ignored);
    book.log.reset(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    book.log_bytes = 0;
  }
  const std::string text = text_of(line);
  if (write(book.log.get(), text.data(), text.size()) > 0) book.log_bytes += text.size();
}

void JobBook::changed(Book& book, JobId job) {
  book.changed_at = ++cursor_;
  std::vector<std::function<void()>> woken;
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    if (!it->second.job || *it->second.job == job) {
      woken.push_back(std::move(it->second.wake));
      it = waiters_.erase(it);
    } else {
      ++it;
    }
  }
  for (const auto& wake : woken) wake();
}

void JobBook::add_line(JobId job, BookLine line) {
  Book& book = book_of(job);
  append_to_log(book, job, line);
  book.lines.emplace_back(cursor_ + 1, std::move(line));
  if (book.lines.size() > kLinesInMemory) book.lines.pop_front();
  changed(book, job);
}

void JobBook::set_row(const JobRow& row) {
  Book& book = book_of(row.job);
  book.row = row;
  if (is_over(row.state)) book.log.reset();
  changed(book, row.job);
}

void JobBook::set_progress(JobId job, JobProgress progress) {
  Book& book = book_of(job);
  if (progress.metrics.empty()) progress.metrics = std::move(book.progress.metrics);
  book.progress = std::move(progress);
  changed(book, job);
}

// ---- files ------------------------------------------------------------------------------------

Status JobBook::write_file(JobId job, const std::string& name, uint64_t offset,
                           std::string_view bytes, FilePart part) {
  if (!is_file_name(name)) {
    return Error{ErrorCode::kInvalidArgument, "'" + name + "' is no name for a result file"};
  }
  const std::string path = folder_of(job) + "/files/" + name;
  const std::string unfinished = path + kUnfinished;
  std::error_code ignored;
  fs::create_directories(fs::path(path).parent_path(), ignored);
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (offset == 0 ? O_TRUNC : 0);
  const UniqueFd file{open(unfinished.c_str(), flags, 0600)};
  if (!file) return failure(unfinished);
  struct stat status {};
  if (fstat(file.get(), &status) != 0 || static_cast<uint64_t>(status.st_size) != offset) {
    return Error{ErrorCode::kInvalidArgument, "a part of " + name + " that does not continue it"};
  }
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t put = pwrite(file.get(), bytes.data() + done, bytes.size() - done,
                               static_cast<off_t>(offset + done));
    if (put < 0) return failure(unfinished);
    done += static_cast<size_t>(put);
  }
  if (part == FilePart::kMore) return {};
  if (rename(unfinished.c_str(), path.c_str()) != 0) return failure(path);
  Book& book = book_of(job);
  std::erase_if(book.files, [&](const JobFileInfo& known) { return known.name == name; });
  book.files.push_back({name, offset + bytes.size()});
  changed(book, job);
  return {};
}

Result<uint64_t> JobBook::file_size(JobId job, const std::string& name) const {
  const auto book = books_.find(job);
  if (book != books_.end()) {
    for (const JobFileInfo& file : book->second->files) {
      if (file.name == name) return file.bytes;
    }
  }
  return Error{ErrorCode::kNotFound, to_string(job) + " has no file " + name};
}

Result<std::string> JobBook::read_file(JobId job, const std::string& name, uint64_t offset,
                                       uint32_t max_bytes) const {
  if (const auto size = file_size(job, name); !size) return size.error();
  const std::string path = folder_of(job) + "/files/" + name;
  const UniqueFd file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (!file) return failure(path);
  std::string bytes(max_bytes, '\0');
  const ssize_t got = pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (got < 0) return failure(path);
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

Status JobBook::keep_parameters(JobId job, const std::vector<JobParameter>& parameters) {
  std::error_code ignored;
  fs::create_directories(folder_of(job), ignored);
  const std::string path = folder_of(job) + "/parameters";
  const Bytes bytes = wire::encode_job_parameters(parameters);
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return failure(path);
  return {};
}

Result<std::vector<JobParameter>> JobBook::parameters(JobId job) const {
  std::ifstream file(folder_of(job) + "/parameters", std::ios::binary);
  if (!file) return Error{ErrorCode::kNotFound, to_string(job) + " has no parameters"};
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  return wire::decode_job_parameters(
      {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

// ---- what people follow -----------------------------------------------------------------------

const JobRow* JobBook::find(JobId job) const {
  const auto book = books_.find(job);
  return book == books_.end() ? nullptr : &book->second->row;
}

Result<JobNews> JobBook::news(JobId job, uint64_t cursor) {
  const auto found = books_.find(job);
  if (found == books_.end() || job == JobId{}) {
    return Error{ErrorCode::kNotFound, "there is no " + to_string(job)};
  }
  Book& book = *found->second;
  find_lines(book, job);
  JobNews news;
  news.cursor = std::max(cursor, book.changed_at);
  for (const auto& [at, line] : book.lines) {
    if (at > cursor) news.lines.push_back(line);
  }
  news.row = book.row;
  news.progress = book.progress;
  news.files = book.files;
  return news;
}

std::pair<std::vector<BookLine>, uint64_t> JobBook::lines(const std::string& source,
                                                          uint64_t cursor) {
  std::vector<std::pair<uint64_t, const BookLine*>> found;
  for (const auto& [job, book] : books_) {
    const bool whole_job = source.empty() || to_string(job) == source;
    if (whole_job && !source.empty()) find_lines(*book, job);
    for (const auto& [at, line] : book->lines) {
      if (at <= cursor) continue;
      if (whole_job || line.source.find(source) != std::string::npos) found.emplace_back(at, &line);
    }
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<BookLine> lines;
  for (const auto& [at, line] : found) lines.push_back(*line);
  return {std::move(lines), cursor_};
}

uint64_t JobBook::on_change(std::optional<JobId> job, std::function<void()> wake) {
  waiters_[next_ticket_] = {job, std::move(wake)};
  return next_ticket_++;
}

void JobBook::forget(uint64_t ticket) { waiters_.erase(ticket); }

}  // namespace rayd::shell
