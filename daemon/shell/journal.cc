#include "daemon/shell/journal.h"

#include <sqlite3.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "common/wire/journal_wire.h"

namespace rayd::shell {
namespace {

constexpr int kSchemaVersion = 2;

constexpr char kSchema[] =
    "CREATE TABLE IF NOT EXISTS membership (id INTEGER PRIMARY KEY CHECK (id = 0),"
    " epoch INTEGER, m INTEGER, next_node INTEGER, next_job INTEGER, settled INTEGER,"
    " cluster BLOB);"
    "CREATE TABLE IF NOT EXISTS nodes (node INTEGER PRIMARY KEY, name TEXT, state INTEGER,"
    " m INTEGER, beside_head INTEGER, identity BLOB);"
    "CREATE TABLE IF NOT EXISTS tokens (token INTEGER PRIMARY KEY, role INTEGER, secret BLOB,"
    " label TEXT, user TEXT, created INTEGER, expires INTEGER, revoked INTEGER);"
    "CREATE TABLE IF NOT EXISTS modules (name TEXT PRIMARY KEY, hash BLOB, file_name TEXT,"
    " description TEXT);"
    "CREATE TABLE IF NOT EXISTS jobs (job INTEGER PRIMARY KEY, row BLOB);"
    "CREATE TABLE IF NOT EXISTS groups (id TEXT PRIMARY KEY, row BLOB);";

/// What the journal's thread cannot go on after.
struct JournalFailure {
  std::string what;
};

class Statement {
 public:
  Statement(sqlite3* database, const char* sql) : database_(database) {
    if (sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr) != SQLITE_OK) fail();
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(uint64_t number) {
    sqlite3_bind_int64(statement_, ++bound_, static_cast<sqlite3_int64>(number));
    return *this;
  }
  Statement& bind(const std::string& text) {
    sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()),
                      SQLITE_TRANSIENT);
    return *this;
  }
  /// A hash or an identifier.
  template <size_t kSize>
  Statement& bind(const std::array<uint8_t, kSize>& bytes) {
    return bind(ByteSpan{bytes.data(), bytes.size()});
  }
  Statement& bind(ByteSpan bytes) {
    sqlite3_bind_blob(statement_, ++bound_, bytes.data(), static_cast<int>(bytes.size()),
                      SQLITE_TRANSIENT);
    return *this;
  }

  /// True: there is a row.
  bool step() {
    const int result = sqlite3_step(statement_);
    if (result == SQLITE_ROW) return true;
    if (result != SQLITE_DONE) fail();
    return false;
  }
  uint64_t number(int column) const {
    return static_cast<uint64_t>(sqlite3_column_int64(statement_, column));
  }
  std::string text(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, column));
    return data == nullptr ? std::string{} : std::string(static_cast<const char*>(data), size);
  }
  template <size_t kSize>
  std::array<uint8_t, kSize> bytes(int column) const {
    const std::string stored = text(column);
    if (stored.size() != kSize) throw JournalFailure{"a hash of the wrong length is in it"};
    std::array<uint8_t, kSize> bytes;
    std::copy(stored.begin(), stored.end(), bytes.begin());
    return bytes;
  }

 private:
  [[noreturn]] void fail() const { throw JournalFailure{sqlite3_errmsg(database_)}; }

  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

void execute(sqlite3* database, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw JournalFailure{sqlite3_errmsg(database)};
  }
}

void store(sqlite3* database, const MembershipRow& row) {
  Statement{database, "INSERT OR REPLACE INTO membership VALUES (0, ?, ?, ?, ?, ?, ?)"}
      .bind(row.epoch)
      .bind(row.m)
      .bind(row.next_node)
      .bind(row.next_job)
      .bind(row.settled)
      .bind(row.cluster.bytes)
      .step();
}
void store(sqlite3* database, const NodeRow& row) {
  if (row.name.empty()) {  // an empty row deletes
    Statement{database, "DELETE FROM nodes WHERE node = ?"}.bind(row.node.value).step();
    return;
  }
  Statement{database, "INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?, ?, ?)"}
      .bind(row.node.value)
      .bind(row.name)
      .bind(static_cast<uint64_t>(row.state))
      .bind(row.m)
      .bind(row.beside_head == BesideHead::kYes ? 1u : 0u)
      .bind(row.identity.bytes)
      .step();
}
void store(sqlite3* database, const TokenRow& row) {
  TokenRow nothing;
  nothing.token = row.token;
  if (row.secret == nothing.secret) {  // no secret has this hash: the row deletes
    Statement{database, "DELETE FROM tokens WHERE token = ?"}.bind(row.token.value).step();
    return;
  }
  Statement{database, "INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?)"}
      .bind(row.token.value)
      .bind(static_cast<uint64_t>(row.role))
      .bind(row.secret.bytes)
      .bind(row.label)
      .bind(row.user)
      .bind(static_cast<uint64_t>(row.created_unix_ms))
      .bind(static_cast<uint64_t>(row.expires_unix_ms))
      .bind(static_cast<uint64_t>(row.revoked_unix_ms))
      .step();
}
void store(sqlite3* database, const ModuleRow& row) {
  if (row.hash == ImageHash{}) {  // an empty row deletes
    Statement{database, "DELETE FROM modules WHERE name = ?"}.bind(row.name).step();
    return;
  }
  Statement{database, "INSERT OR REPLACE INTO modules VALUES (?, ?, ?, ?)"}
      .bind(row.name)
      .bind(row.hash.bytes)
      .bind(row.file_name)
      .bind(row.description_json)
      .step();
}
void store(sqlite3* database, const JobRow& row) {
  if (row.name_space.empty()) {  // an empty row deletes
    Statement{database, "DELETE FROM jobs WHERE job = ?"}.bind(row.job.value).step();
    return;
  }
  const auto bytes = wire::encode_job_row(row);
  if (!bytes) throw JournalFailure{to_string(row.job) + " is too long: " + bytes.error().message};
  Statement{database, "INSERT OR REPLACE INTO jobs VALUES (?, ?)"}
      .bind(row.job.value)
      .bind(bytes->span())
      .step();
}
void store(sqlite3* database, const GroupRow& row) {
  const std::string id = to_string(row.info.group);
  if (row.info.bundles.empty()) {  // an empty row deletes
    Statement{database, "DELETE FROM groups WHERE id = ?"}.bind(id).step();
    return;
  }
  const auto bytes = wire::encode_group_row(row);
  if (!bytes) throw JournalFailure{id + " is too long: " + bytes.error().message};
  Statement{database, "INSERT OR REPLACE INTO groups VALUES (?, ?)"}
      .bind(id)
      .bind(bytes->span())
      .step();
}
// Its record only keeps its place in the order.
void store(sqlite3*, const ActorRow&) {}

bool is_stored(const JournalRow& row) { return !std::holds_alternative<ActorRow>(row); }

}  // namespace

class Journal::State {
 public:
  explicit State(const std::string& path) {
    try {
      open(path);
    } catch (const JournalFailure& failure) {
      sqlite3_close(database_);
      throw std::runtime_error{"the journal " + path + " cannot be used: " + failure.what};
    }
  }

  ~State() {
    {
      const std::lock_guard lock{mutex_};
      ending_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
    sqlite3_close(database_);
  }

  std::vector<JournalRow> load() {
    std::vector<JournalRow> rows;
    for (Statement s{database_, "SELECT * FROM membership"}; s.step();) {
      rows.emplace_back(MembershipRow{ClusterId{s.bytes<16>(6)}, s.number(1), s.number(2),
                                      static_cast<uint32_t>(s.number(3)),
                                      static_cast<uint32_t>(s.number(4)), s.number(5)});
    }
    for (Statement s{database_, "SELECT * FROM nodes ORDER BY node"}; s.step();) {
      rows.emplace_back(NodeRow{NodeId{static_cast<uint32_t>(s.number(0))}, s.text(1),
                                static_cast<NodeState>(s.number(2)), s.number(3),
                                s.number(4) != 0 ? BesideHead::kYes : BesideHead::kNo,
                                KeyHash{s.bytes<32>(5)}});
    }
    for (Statement s{database_, "SELECT * FROM tokens ORDER BY token"}; s.step();) {
      TokenRow row;
      row.token.value = s.number(0);
      row.role = static_cast<TokenRole>(s.number(1));
      row.secret.bytes = s.bytes<32>(2);
      row.label = s.text(3);
      row.user = s.text(4);
      row.created_unix_ms = static_cast<int64_t>(s.number(5));
      row.expires_unix_ms = static_cast<int64_t>(s.number(6));
      row.revoked_unix_ms = static_cast<int64_t>(s.number(7));
      rows.emplace_back(std::move(row));
    }
    for (Statement s{database_, "SELECT * FROM modules ORDER BY name"}; s.step();) {
      ModuleRow row;
      row.name = s.text(0);
      row.hash.bytes = s.bytes<32>(1);
      row.file_name = s.text(2);
      row.description_json = s.text(3);
      rows.emplace_back(std::move(row));
    }
    for (Statement s{database_, "SELECT job, row FROM jobs ORDER BY job"}; s.step();) {
      const std::string bytes = s.text(1);
      auto row =
          wire::decode_job_row({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
      const JobId job{static_cast<uint32_t>(s.number(0))};
      if (!row || row->job != job)
        throw std::runtime_error{"the journal's row of " + to_string(job) + " cannot be read"};
      rows.emplace_back(std::move(*row));
    }
    for (Statement s{database_, "SELECT id, row FROM groups ORDER BY id"}; s.step();) {
      const std::string bytes = s.text(1);
      auto row =
          wire::decode_group_row({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
      if (!row || to_string(row->info.group) != s.text(0))
        throw std::runtime_error{"the journal's row of " + s.text(0) + " cannot be read"};
      rows.emplace_back(std::move(*row));
    }
    return rows;
  }

  void start(std::function<void(uint64_t)> on_committed,
             std::function<void(std::string)> on_failed) {
    on_committed_ = std::move(on_committed);
    on_failed_ = std::move(on_failed);
    thread_ = std::thread{[this] { serve(); }};
  }

  void append(uint64_t number, JournalRow row) {
    {
      const std::lock_guard lock{mutex_};
      queue_.emplace_back(number, std::move(row));
    }
    changed_.notify_one();
  }

 private:
  using Records = std::deque<std::pair<uint64_t, JournalRow>>;

  void open(const std::string& path) {
    if (sqlite3_open(path.c_str(), &database_) != SQLITE_OK) {
      throw JournalFailure{sqlite3_errmsg(database_)};
    }
    // Exclusive from here on: a second daemon on the same journal fails at once.
    execute(database_,
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "BEGIN EXCLUSIVE; COMMIT;");
    Statement version{database_, "PRAGMA user_version"};
    version.step();
    if (version.number(0) > static_cast<uint64_t>(kSchemaVersion)) {
      throw JournalFailure{"it was written by a newer version of rayd"};
    }
    if (version.number(0) == 1) {
      throw JournalFailure{"it is from before the first release of rayd; remove it"};
    }
    execute(database_, kSchema);
    execute(database_, "PRAGMA user_version = 2");
  }

  void serve() {
    try {
      for (;;) {
        Records records;
        {
          std::unique_lock lock{mutex_};
          changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
          if (queue_.empty()) return;
          records = std::exchange(queue_, {});
        }
        commit(records);
        on_committed_(records.back().first);
      }
    } catch (const JournalFailure& failure) {
      on_failed_("the journal cannot be written: " + failure.what);
    }
  }

  void commit(const Records& records) {
    const bool any = std::any_of(records.begin(), records.end(),
                                 [](const auto& record) { return is_stored(record.second); });
    if (!any) return;
    execute(database_, "BEGIN");
    for (const auto& [number, row] : records) {
      std::visit([this](const auto& alternative) { store(database_, alternative); }, row);
    }
    execute(database_, "COMMIT");
  }

  sqlite3* database_ = nullptr;
  std::function<void(uint64_t)> on_committed_;
  std::function<void(std::string)> on_failed_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Records queue_;
  bool ending_ = false;
  std::thread thread_;
};

Journal::Journal(const std::string& path) : state_(std::make_unique<State>(path)) {}
Journal::~Journal() = default;
std::vector<JournalRow> Journal::load() {
  try {
    return state_->load();
  } catch (const JournalFailure& failure) {
    throw std::runtime_error{"the journal cannot be read: " + failure.what};
  }
}
void Journal::start(std::function<void(uint64_t)> on_committed,
                    std::function<void(std::string)> on_failed) {
  state_->start(std::move(on_committed), std::move(on_failed));
}
void Journal::append(uint64_t number, JournalRow row) { state_->append(number, std::move(row)); }

}  // namespace rayd::shell
