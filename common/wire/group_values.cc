#include "common/wire/group_values.h"

namespace rayd::wire {

void write(schema::GroupInfo::Builder builder, const GroupInfo& info) {
  write(builder.initGroup(), info.group);
  builder.setName(as_text(info.name));
  builder.setNameSpace(as_text(info.name_space));
  builder.setStrategy(static_cast<uint8_t>(info.strategy));
  builder.setLifetime(static_cast<uint8_t>(info.lifetime));
  builder.setState(static_cast<uint8_t>(info.state));
  auto bundles = builder.initBundles(static_cast<unsigned>(info.bundles.size()));
  for (unsigned i = 0; i < bundles.size(); ++i) {
    write(bundles[i].initDemand(), info.bundles[i].demand);
    bundles[i].setNode(info.bundles[i].node.value);
    bundles[i].setRound(info.bundles[i].round);
  }
  builder.setWhy(as_text(info.why));
}

GroupInfo read_group_info(schema::GroupInfo::Reader reader) {
  GroupInfo info;
  info.group = read_id<GroupId>(reader.getGroup());
  info.name = text_of(reader.getName());
  info.name_space = text_of(reader.getNameSpace());
  info.strategy =
      read_enum(reader.getStrategy(), GroupStrategy::kStrictSpread, "strategy of a group");
  info.lifetime = read_enum(reader.getLifetime(), Lifetime::kDetached, "lifetime");
  info.state = read_enum(reader.getState(), GroupState::kRescheduling, "state of a group");
  if (reader.getBundles().size() > kMaxBundles) throw Malformed{"too many bundles"};
  for (const auto entry : reader.getBundles()) {
    info.bundles.push_back(
        {read_resources(entry.getDemand()), NodeId{entry.getNode()}, entry.getRound()});
  }
  info.why = text_of(reader.getWhy());
  return info;
}

void write(schema::GroupRequest::Builder builder, const GroupRequest& request) {
  builder.setRequest(request.request);
  builder.setWhat(static_cast<uint8_t>(request.what));
  write(builder.initGroup(), request.group);
}

GroupRequest read_group_request(schema::GroupRequest::Reader reader) {
  return {reader.getRequest(),
          read_enum(reader.getWhat(), GroupRequest::What::kAwait, "question about groups"),
          read_group_info(reader.getGroup())};
}

void write(schema::GroupReply::Builder builder, const GroupReply& reply) {
  builder.setRequest(reply.request);
  if (reply.error) write(builder.initError(), *reply.error);
  auto groups = builder.initGroups(static_cast<unsigned>(reply.groups.size()));
  for (unsigned i = 0; i < groups.size(); ++i) write(groups[i], reply.groups[i]);
}

GroupReply read_group_reply(schema::GroupReply::Reader reader) {
  GroupReply reply;
  reply.request = reader.getRequest();
  if (reader.hasError()) reply.error = read_error(reader.getError());
  for (const auto group : reader.getGroups()) reply.groups.push_back(read_group_info(group));
  return reply;
}

}  // namespace rayd::wire
