// Reading and writing placement groups: what the hot lane, the peer lane and the journal say of
// them. Internal to common/wire: it includes generated code.
#pragma once

#include "common/schema/value.capnp.h"
#include "common/types/group.h"
#include "common/wire/values.h"

namespace rayd::wire {

void write(schema::GroupInfo::Builder builder, const GroupInfo& info);
GroupInfo read_group_info(schema::GroupInfo::Reader reader);

void write(schema::GroupRequest::Builder builder, const GroupRequest& request);
GroupRequest read_group_request(schema::GroupRequest::Reader reader);

void write(schema::GroupReply::Builder builder, const GroupReply& reply);
GroupReply read_group_reply(schema::GroupReply::Reader reader);

}  // namespace rayd::wire
