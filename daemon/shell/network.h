// Network: this daemon among other machines: its identity, its one TCP port, and who arrives there,
// each on its lane.
//
//   Listener ──Arrival──┬─ peer ────▶ Peers
//                       ├─ control ─▶ NetworkEvents: the RPC front
//                       └─ bulk ────▶ NetworkEvents: transfers
//
// A daemon that nobody but its own machine can reach has none. Belongs to the control thread.
#pragma once

#include <memory>
#include <string>

#include "daemon/shell/peers.h"

namespace rayd::shell {

class NetworkEvents : public PeerEvents {
 public:
  virtual void on_control_arrival(std::unique_ptr<Arrival> arrival) = 0;
  virtual void on_bulk_arrival(std::unique_ptr<Arrival> arrival) = 0;
};

struct NetworkOptions {
  std::string identity_dir;
  std::string bind;       // ADDR[:PORT]; empty: every address, at the default port or any free one
  std::string advertise;  // ADDR[:PORT]; empty: as bound
  PeersOptions peers;
};

class Network final : private Arrivals {
 public:
  /// Listens. Throws std::runtime_error in words for people.
  Network(boost::asio::io_context& io, NetworkEvents& events, const BatchClock& clock,
          NetworkOptions options);
  ~Network();

  Peers& peers() { return peers_; }
  const Identity& identity() const { return identity_; }
  /// HOST:PORT where others reach this machine. Without a host (":PORT") where it listens at every
  /// address: then whoever knows a way to this machine knows the host.
  const std::string& address() const { return address_; }
  void stop_listening() { listener_.stop_listening(); }

 private:
  void on_arrival(std::unique_ptr<Arrival> arrival) override;
  void on_turned_away(const TurnedAway& turned_away) override;
  void on_accept_failed(const Error& why) override;
  void listen(const NetworkOptions& options);

  NetworkEvents& events_;
  Identity identity_;
  TlsContext server_context_;
  Listener listener_;
  Peers peers_;
  std::string address_;
};

}  // namespace rayd::shell
