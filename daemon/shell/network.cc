#include "daemon/shell/network.h"

#include <stdexcept>

namespace rayd::shell {
namespace {

Identity identity_or_throw(const std::string& directory) {
  auto identity = Identity::load_or_make(directory);
  if (!identity) throw std::runtime_error{identity.error().message};
  return std::move(*identity);
}

}  // namespace

Network::Network(boost::asio::io_context& io, NetworkEvents& events, const BatchClock& clock,
                 NetworkOptions options)
    : events_(events),
      identity_(identity_or_throw(options.identity_dir)),
      server_context_(identity_, TlsSide::kServer),
      listener_(io, server_context_, *this,
                [&] {
                  ListenerOptions listening;
                  listening.program = options.peers.program;
                  return listening;
                }()),
      peers_(io, events, clock, identity_, options.peers) {
  listen(options);
}

Network::~Network() = default;

void Network::listen(const NetworkOptions& options) {
  auto where = options.bind.empty() ? HostPort{std::string{kEveryAddress}, kDefaultPort}
                                    : parse_host_port(options.bind);
  if (!where) throw std::runtime_error{"--bind: " + where.error().message};
  Status listening = listener_.listen(*where);
  if (!listening.ok() && options.bind.empty()) {
    where->port = 0;  // another daemon of this machine has the usual one
    listening = listener_.listen(*where);
  }
  if (!listening.ok()) throw std::runtime_error{"--bind: " + listening.error().message};
  const uint16_t port = listener_.addresses().front().port();
  const bool everywhere =
      where->host == kEveryAddress || where->host == "0.0.0.0" || where->host == "::";
  address_ = everywhere ? ":" + std::to_string(port) : to_string(HostPort{where->host, port});
  if (options.advertise.empty()) return;
  auto told = parse_host_port(options.advertise);
  if (!told) throw std::runtime_error{"--advertise: " + told.error().message};
  const bool names_port = to_string(*told) == options.advertise;
  address_ = to_string(HostPort{told->host, names_port ? told->port : port});
}

void Network::on_arrival(std::unique_ptr<Arrival> arrival) {
  switch (arrival->hello().lane) {
    case Lane::kPeer: return peers_.on_arrival(std::move(arrival));
    case Lane::kControl: return events_.on_control_arrival(std::move(arrival));
    case Lane::kBulk: return events_.on_bulk_arrival(std::move(arrival));
    case Lane::kProbe: return peers_.on_probe(std::move(arrival));
  }
}

void Network::on_turned_away(const TurnedAway& turned_away) {
  events_.on_peer_event(Event::Level::kWarn, "turned_away",
                        turned_away.source + ": " + turned_away.why);
}

void Network::on_accept_failed(const Error& why) {
  events_.on_peer_event(Event::Level::kError, "accept_failed", why.message);
}

}  // namespace rayd::shell
