// SeqTable: live records by sequence number, dense, for the node core's hottest tables.
//
// A client numbers what it makes 1, 2, 3, …, so records that live at one time are neighbours. They
// lie in chunks of 32; a chunk is allocated with its first record and freed with its last, so
// memory follows what is alive, whatever the numbers are. Chunks are found by a small hash of
// (seq / 32), behind a memory of the last one found: the common case is one comparison.
//
//   SeqTable<T>   one client's records
//   SeqTables<T>  those of all clients, by (ClientId, seq)
//
// A record's address is stable until it is erased. Iteration is in order of the numbers, for
// snapshots and deaths: it sorts, so it is not for the hot path.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/ids.h"

namespace rayd::node {

template <class T>
class SeqTable {
 public:
  SeqTable() = default;
  SeqTable(const SeqTable&) = delete;
  SeqTable& operator=(const SeqTable&) = delete;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// nullptr: no such record.
  T* find(uint64_t seq) {
    Chunk* chunk = find_chunk(seq >> kBits);
    return chunk != nullptr && chunk->has(seq & kMask) ? chunk->record(seq & kMask) : nullptr;
  }
  const T* find(uint64_t seq) const { return const_cast<SeqTable*>(this)->find(seq); }

  /// Precondition: there is no record of this number.
  template <class... Args>
  T& create(uint64_t seq, Args&&... args) {
    Chunk* chunk = find_chunk(seq >> kBits);
    if (chunk == nullptr) chunk = add_chunk(seq >> kBits);
    RAY_CHECK(!chunk->has(seq & kMask));
    T* record = new (chunk->place(seq & kMask)) T{std::forward<Args>(args)...};
    chunk->used |= 1u << (seq & kMask);
    ++size_;
    return *record;
  }

  /// Precondition: the record exists.
  void erase(uint64_t seq) {
    Chunk* chunk = find_chunk(seq >> kBits);
    RAY_CHECK(chunk != nullptr && chunk->has(seq & kMask));
    chunk->record(seq & kMask)->~T();
    chunk->used &= ~(1u << (seq & kMask));
    --size_;
    if (chunk->used == 0) remove_chunk(seq >> kBits);
  }

  /// Calls f(seq, record) in order of seq. `f` must not create or erase.
  template <class F>
  void for_each(F&& f) const {
    std::vector<const Chunk*> chunks;
    for (const auto& slot : slots_)
      if (slot) chunks.push_back(slot.get());
    std::sort(chunks.begin(), chunks.end(),
              [](const Chunk* a, const Chunk* b) { return a->number < b->number; });
    for (const Chunk* chunk : chunks)
      for (uint32_t used = chunk->used; used != 0; used &= used - 1) {
        const auto index = static_cast<uint32_t>(std::countr_zero(used));
        f(chunk->number << kBits | index, *chunk->record(index));
      }
  }

 private:
  static constexpr unsigned kBits = 5;
  static constexpr uint64_t kMask = (1u << kBits) - 1;

  struct Chunk {
    uint64_t number = 0;
    uint32_t used = 0;  // a bit a record
    alignas(T) unsigned char bytes[sizeof(T) << kBits];

    bool has(uint64_t index) const { return (used >> index & 1) != 0; }
    void* place(uint64_t index) { return bytes + index * sizeof(T); }
    T* record(uint64_t index) { return std::launder(reinterpret_cast<T*>(place(index))); }
    const T* record(uint64_t index) const { return const_cast<Chunk*>(this)->record(index); }
    Chunk() = default;
    Chunk(const Chunk&) = delete;
    Chunk& operator=(const Chunk&) = delete;
    ~Chunk() {
      for (; used != 0; used &= used - 1) record(std::countr_zero(used))->~T();
    }
  };

  // Fibonacci hashing: neighbours and strided numbers alike fall on different slots.
  size_t home(uint64_t number) const { return number * 0x9E3779B97F4A7C15u >> shift_; }
  size_t next(size_t slot) const { return (slot + 1) & (slots_.size() - 1); }

  Chunk* find_chunk(uint64_t number) {
    if (last_ != nullptr && last_->number == number) return last_;
    if (slots_.empty()) return nullptr;
    for (size_t slot = home(number); slots_[slot]; slot = next(slot))
      if (slots_[slot]->number == number) return last_ = slots_[slot].get();
    return nullptr;
  }

  Chunk* add_chunk(uint64_t number) {
    if (slots_.size() < 2 * (chunks_ + 1)) grow();
    std::unique_ptr<Chunk> chunk = std::move(spare_);
    // for_overwrite: a record's bytes are written when it is created.
    if (!chunk) chunk = std::make_unique_for_overwrite<Chunk>();
    chunk->number = number;
    last_ = chunk.get();
    insert(std::move(chunk));
    ++chunks_;
    return last_;
  }

  void insert(std::unique_ptr<Chunk> chunk) {
    size_t slot = home(chunk->number);
    while (slots_[slot]) slot = next(slot);
    slots_[slot] = std::move(chunk);
  }

  void grow() {
    std::vector<std::unique_ptr<Chunk>> old = std::move(slots_);
    const size_t size = std::max<size_t>(8, 2 * old.size());
    slots_ = std::vector<std::unique_ptr<Chunk>>(size);
    shift_ = 64 - std::countr_zero(size);
    for (auto& chunk : old)
      if (chunk) insert(std::move(chunk));
  }

  // Linear probing without tombstones: what follows in the cluster moves up where it may.
  void remove_chunk(uint64_t number) {
    size_t hole = home(number);
    while (slots_[hole]->number != number) hole = next(hole);
    spare_ = std::move(slots_[hole]);
    last_ = nullptr;
    --chunks_;
    for (size_t slot = next(hole); slots_[slot]; slot = next(slot)) {
      const size_t mask = slots_.size() - 1;
      const size_t wanted = home(slots_[slot]->number);
      if (((slot - wanted) & mask) < ((slot - hole) & mask)) continue;
      slots_[hole] = std::move(slots_[slot]);
      hole = slot;
    }
  }

  std::vector<std::unique_ptr<Chunk>> slots_;  // a power of two; at most half full
  unsigned shift_ = 64;
  size_t chunks_ = 0;
  size_t size_ = 0;
  Chunk* last_ = nullptr;
  std::unique_ptr<Chunk> spare_;  // a client that waits for each call frees its chunk each time
};

template <class T>
class SeqTables {
 public:
  /// nullptr: no such record.
  T* find(const Id& id) {
    SeqTable<T>* table = find_table(id.high);
    return table == nullptr ? nullptr : table->find(id.seq());
  }
  const T* find(const Id& id) const { return const_cast<SeqTables*>(this)->find(id); }

  /// Precondition: there is no record of this client and number.
  template <class... Args>
  T& create(const Id& id, Args&&... args) {
    SeqTable<T>* table = find_table(id.high);
    if (table == nullptr) table = add_table(id.high);
    ++size_;
    return table->create(id.seq(), std::forward<Args>(args)...);
  }

  /// Precondition: the record exists.
  void erase(const Id& id) {
    SeqTable<T>* table = find_table(id.high);
    RAY_CHECK(table != nullptr);
    table->erase(id.seq());
    --size_;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// Calls f(TaskId, record) in order of client and number. `f` must not create or erase.
  template <class F>
  void for_each(F&& f) const {
    for (const Entry& entry : entries_)
      entry.table->for_each([&](uint64_t seq, const T& record) {
        f(TaskId::make(ClientId::from_bits(entry.client), seq), record);
      });
  }

  /// Calls f(TaskId, record) for the records of one client in order. `f` must not create or erase.
  template <class F>
  void for_each_of(ClientId client, F&& f) const {
    const SeqTable<T>* table = const_cast<SeqTables*>(this)->find_table(client.bits());
    if (table == nullptr) return;
    table->for_each([&](uint64_t seq, const T& record) { f(TaskId::make(client, seq), record); });
  }

 private:
  struct Entry {
    uint64_t client = 0;
    std::unique_ptr<SeqTable<T>> table;
  };

  auto position(uint64_t client) {
    return std::lower_bound(entries_.begin(), entries_.end(), client,
                            [](const Entry& entry, uint64_t c) { return entry.client < c; });
  }

  SeqTable<T>* find_table(uint64_t client) {
    if (last_ != nullptr && last_client_ == client) return last_;
    const auto it = position(client);
    if (it == entries_.end() || it->client != client) return nullptr;
    last_client_ = client;
    return last_ = it->table.get();
  }

  // A client's table outlives its records, for it will make more; those of the gone are swept when
  // somebody new comes.
  SeqTable<T>* add_table(uint64_t client) {
    std::erase_if(entries_, [](const Entry& entry) { return entry.table->empty(); });
    last_client_ = client;
    last_ = entries_.insert(position(client), Entry{client, std::make_unique<SeqTable<T>>()})
                ->table.get();
    return last_;
  }

  std::vector<Entry> entries_;  // sorted by client
  uint64_t last_client_ = 0;
  SeqTable<T>* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace rayd::node
