#include "common/net/peer_session.h"

#include <bit>
#include <cstring>
#include <string>

#include "common/base/check.h"

namespace rayd::net {
namespace {

constexpr uint32_t kAckFrame = 0;
constexpr uint32_t kMessageFrame = 1;
constexpr size_t kKeepInput = size_t{256} << 10;  // more room than this is given back when empty

static_assert(std::endian::native == std::endian::little, "frames are little-endian");

Error broken(const std::string& what) { return {ErrorCode::kCorrupt, "peer session: " + what}; }

}  // namespace

struct PeerSession::Header {
  uint32_t length = 0;
  uint32_t kind = 0;
  uint64_t number = 0;
  uint64_t ack = 0;
};

// ---- connections --------------------------------------------------------------------------------

Status PeerSession::on_connected(uint64_t peer_received) {
  if (const Status told = on_ack(peer_received); !told.ok()) return told;
  connected_ = true;
  written_ = 0;
  in_flight_bytes_ = 0;
  acked_to_peer_ = received_;  // the hello said it
  bytes_since_ack_ = 0;
  input_.clear();
  input_begin_ = 0;
  return {};
}

void PeerSession::on_disconnected() {
  connected_ = false;
  input_.clear();
  input_.shrink_to_fit();
  input_begin_ = 0;
}

// ---- what leaves --------------------------------------------------------------------------------

void PeerSession::send(Bytes message) {
  RAY_CHECK(!message.empty() && message.size() <= options_.max_message_bytes);
  queued_bytes_ += message.size();
  queue_.push_back(std::move(message));
}

bool PeerSession::has_to_write() const {
  if (!connected_ || written_ == queue_.size()) return false;
  return written_ == 0 || in_flight_bytes_ + queue_[written_].size() <= options_.window_bytes;
}

bool PeerSession::is_ack_due() const {
  return received_ - acked_to_peer_ >= options_.ack_after_messages ||
         bytes_since_ack_ >= options_.ack_after_bytes;
}

void PeerSession::write(std::vector<uint8_t>& out, size_t budget, Ack ack) {
  while (out.size() < budget && has_to_write()) {
    const Bytes& message = queue_[written_];
    append_frame(out, first_ + written_, message.span());
    in_flight_bytes_ += message.size();
    ++written_;
  }
  if (owes_ack() && (ack == Ack::kNow || is_ack_due())) append_frame(out, 0, {});
}

void PeerSession::append_frame(std::vector<uint8_t>& out, uint64_t number, ByteSpan message) {
  const Header header{static_cast<uint32_t>(message.size()),
                      message.empty() ? kAckFrame : kMessageFrame, number, received_};
  static_assert(sizeof header == kHeaderBytes);
  const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
  out.insert(out.end(), bytes, bytes + sizeof header);
  out.insert(out.end(), message.begin(), message.end());
  acked_to_peer_ = received_;
  bytes_since_ack_ = 0;
}

// ---- what arrives -------------------------------------------------------------------------------

Status PeerSession::on_ack(uint64_t ack) {
  if (ack + 1 < first_) return {};  // older than what we know
  if (ack >= first_ + queue_.size()) {
    return broken("the peer acknowledges message " + std::to_string(ack) + " of " +
                  std::to_string(first_ + queue_.size() - 1));
  }
  while (first_ <= ack) {
    const uint64_t size = queue_.front().size();
    queued_bytes_ -= size;
    if (written_ > 0) {
      --written_;
      in_flight_bytes_ -= size;
    }
    queue_.pop_front();
    ++first_;
  }
  return {};
}

void PeerSession::add(ByteSpan bytes) {
  if (input_begin_ == input_.size()) {
    input_.clear();
    input_begin_ = 0;
    if (input_.capacity() > kKeepInput) input_.shrink_to_fit();
  } else if (input_begin_ > input_.size() / 2) {
    input_.erase(input_.begin(), input_.begin() + static_cast<ptrdiff_t>(input_begin_));
    input_begin_ = 0;
  }
  input_.insert(input_.end(), bytes.begin(), bytes.end());
}

Result<std::optional<ByteSpan>> PeerSession::next() {
  while (input_.size() - input_begin_ >= kHeaderBytes) {
    Header header;
    std::memcpy(&header, input_.data() + input_begin_, sizeof header);
    const bool is_message = header.kind == kMessageFrame;
    if (header.kind > kMessageFrame || is_message != (header.length > 0)) {
      return broken("a frame of kind " + std::to_string(header.kind));
    }
    if (header.length > options_.max_message_bytes) {
      return broken("a message of " + std::to_string(header.length) + " bytes");
    }
    if (is_message && header.number > received_ + 1) {
      return broken("message " + std::to_string(header.number) + " follows " +
                    std::to_string(received_));
    }
    if (const Status told = on_ack(header.ack); !told.ok()) return told.error();
    if (input_.size() - input_begin_ < kHeaderBytes + header.length)
      return std::optional<ByteSpan>{};
    const ByteSpan message{input_.data() + input_begin_ + kHeaderBytes, header.length};
    input_begin_ += kHeaderBytes + header.length;
    if (!is_message || header.number <= received_) continue;
    received_ = header.number;
    bytes_since_ack_ += header.length;
    return std::optional<ByteSpan>{message};
  }
  return std::optional<ByteSpan>{};
}

}  // namespace rayd::net
