#include "common/wire/values.h"

#include <algorithm>

namespace rayd::wire {
namespace {

void write_actor_options(schema::ActorOptions::Builder builder, const ActorOptions& options) {
  builder.setName(as_text(options.name));
  builder.setNameSpace(as_text(options.name_space));
  builder.setLifetime(static_cast<uint8_t>(options.lifetime));
  builder.setMaxRestarts(options.max_restarts);
  builder.setMaxTaskRetries(options.max_task_retries);
  builder.setMaxConcurrency(options.max_concurrency);
  builder.setGetIfExists(options.get_if_exists == ActorOptions::GetIfExists::kYes);
  write(builder.initPlacementDemand(), options.placement_demand);
}

void write_terms(capnp::List<schema::LabelTerm>::Builder list,
                 const std::vector<LabelTerm>& terms) {
  for (unsigned i = 0; i < list.size(); ++i) {
    list[i].setKey(as_text(terms[i].key));
    list[i].setHolds(static_cast<uint8_t>(terms[i].holds));
    auto values = list[i].initValues(static_cast<unsigned>(terms[i].values.size()));
    for (unsigned j = 0; j < values.size(); ++j) values.set(j, as_text(terms[i].values[j]));
  }
}

std::vector<LabelTerm> read_terms(capnp::List<schema::LabelTerm>::Reader list) {
  std::vector<LabelTerm> terms;
  for (const auto entry : list) {
    LabelTerm& term = terms.emplace_back();
    term.key = text_of(entry.getKey());
    term.holds = read_enum(entry.getHolds(), LabelTerm::Holds::kExists, "condition on a label");
    for (const auto value : entry.getValues()) term.values.push_back(text_of(value));
  }
  return terms;
}

ActorOptions read_actor_options(schema::ActorOptions::Reader reader) {
  ActorOptions options;
  options.name = text_of(reader.getName());
  options.name_space = text_of(reader.getNameSpace());
  options.lifetime = read_enum(reader.getLifetime(), Lifetime::kDetached, "lifetime");
  options.max_restarts = reader.getMaxRestarts();
  options.max_task_retries = reader.getMaxTaskRetries();
  options.max_concurrency = reader.getMaxConcurrency();
  if (options.max_concurrency < 1) throw Malformed{"max_concurrency below 1"};
  options.get_if_exists =
      reader.getGetIfExists() ? ActorOptions::GetIfExists::kYes : ActorOptions::GetIfExists::kNo;
  options.placement_demand = read_resources(reader.getPlacementDemand());
  return options;
}

}  // namespace

void write(schema::Error::Builder builder, const ErrorInfo& error) {
  builder.setCode(static_cast<uint16_t>(error.code));
  builder.setAttempt(error.attempt);
  builder.setNode(error.node.value);
  builder.setMayHaveExecuted(error.may_have_executed == ErrorInfo::MayHaveExecuted::kYes);
  builder.setRemoteType(as_text(error.remote_type));
  builder.setMessage(as_text(error.message));
  builder.setFunction(as_text(error.function));
  write(builder.initTask(), error.task);
  write(builder.initActor(), error.actor);
}

ErrorRef read_error(schema::Error::Reader reader) {
  auto error = std::make_shared<ErrorInfo>();
  const uint16_t code = reader.getCode();
  const bool known = code > 0 && code <= static_cast<uint16_t>(ErrorCode::kInternal);
  error->code = known ? static_cast<ErrorCode>(code) : ErrorCode::kInternal;
  error->attempt = reader.getAttempt();
  error->node = NodeId{reader.getNode()};
  error->may_have_executed = reader.getMayHaveExecuted() ? ErrorInfo::MayHaveExecuted::kYes
                                                         : ErrorInfo::MayHaveExecuted::kNo;
  error->remote_type = text_of(reader.getRemoteType());
  error->message = text_of(reader.getMessage());
  error->function = text_of(reader.getFunction());
  error->task = read_id<TaskId>(reader.getTask());
  error->actor = read_id<ActorId>(reader.getActor());
  return error;
}

std::vector<ObjectId> read_object_ids(capnp::List<schema::Id>::Reader reader) {
  std::vector<ObjectId> ids;
  ids.reserve(reader.size());
  for (const auto id : reader) ids.push_back(read_id<ObjectId>(id));
  return ids;
}

void write(schema::Value::Builder builder, const Value& value) {
  write_value(builder, value, [&] {
    auto stored = builder.initStored();
    stored.setSegment(value.extent.segment);
    stored.setOffset(value.extent.offset);
    stored.setLength(value.extent.length);
  });
  if (!value.contains.empty()) {
    write_ids(builder.initContains(static_cast<unsigned>(value.contains.size())), value.contains);
  }
}

Value read_value(schema::Value::Reader reader) {
  Value value = read_value<schema::Value>(reader, [&](Value& read) {
    const auto stored = reader.getStored();
    read.extent = {stored.getSegment(), stored.getOffset(), stored.getLength()};
    if (read.extent.length == 0) throw Malformed{"a stored value of length 0"};
  });
  if (reader.hasContains()) value.contains = read_object_ids(reader.getContains());
  return value;
}

void write(schema::Resources::Builder builder, const ResourceSet& resources) {
  builder.setCpu(resources.cpu);
  builder.setGpu(resources.gpu);
  builder.setMemoryBytes(resources.memory_bytes);
  if (resources.custom.empty()) return;
  auto custom = builder.initCustom(static_cast<unsigned>(resources.custom.size()));
  for (unsigned i = 0; i < custom.size(); ++i) {
    custom[i].setName(as_text(resources.custom[i].first));
    custom[i].setQuantity(resources.custom[i].second);
  }
}

namespace {

int64_t checked_quantity(int64_t quantity) {
  if (quantity < 0) throw Malformed{"a negative resource quantity"};
  if (quantity > kMaxQuantity) throw Malformed{"a resource quantity that no machine has"};
  return quantity;
}

}  // namespace

ResourceSet read_resources(schema::Resources::Reader reader) {
  ResourceSet resources;
  resources.cpu = checked_quantity(reader.getCpu());
  resources.gpu = checked_quantity(reader.getGpu());
  resources.memory_bytes = checked_quantity(reader.getMemoryBytes());
  auto& custom = resources.custom;
  for (const auto entry : reader.getCustom()) {
    if (checked_quantity(entry.getQuantity()) == 0) continue;
    custom.emplace_back(text_of(entry.getName()), entry.getQuantity());
  }
  std::sort(custom.begin(), custom.end());
  const auto has_same_name = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (std::adjacent_find(custom.begin(), custom.end(), has_same_name) != custom.end()) {
    throw Malformed{"a resource twice"};
  }
  return resources;
}

void write(schema::Placement::Builder builder, const Placement& placement) {
  builder.setStrategy(static_cast<uint8_t>(placement.strategy));
  builder.setSoft(placement.affinity == Placement::Affinity::kSoft);
  builder.setNode(placement.node.value);
  if (!placement.group.is_nil()) write(builder.initGroup(), placement.group);
  builder.setBundle(placement.bundle);
  write_terms(builder.initRequired(static_cast<unsigned>(placement.required.size())),
              placement.required);
  write_terms(builder.initPreferred(static_cast<unsigned>(placement.preferred.size())),
              placement.preferred);
}

Placement read_placement(schema::Placement::Reader reader) {
  Placement placement;
  placement.strategy =
      read_enum(reader.getStrategy(), Placement::Strategy::kBundle, "placement strategy");
  placement.affinity = reader.getSoft() ? Placement::Affinity::kSoft : Placement::Affinity::kHard;
  placement.node = NodeId{reader.getNode()};
  placement.group = read_id<GroupId>(reader.getGroup());
  placement.bundle = reader.getBundle();
  placement.required = read_terms(reader.getRequired());
  placement.preferred = read_terms(reader.getPreferred());
  return placement;
}

void write(schema::CallTemplate::Builder builder, const CallTemplate& call) {
  builder.setKind(static_cast<uint8_t>(call.kind));
  builder.setReturnCount(call.return_count);
  builder.setMaxRetries(call.max_retries);
  builder.setRetryExceptions(call.retry_exceptions == RetryExceptions::kYes);
  if (call.function.image != ImageHash{}) builder.setImage(data_of(call.function.image.bytes));
  builder.setFunctionName(as_text(call.function.name));
  builder.setFunctionType(as_text(call.function.type));
  builder.setDisplayName(as_text(call.display_name));
  builder.setNameSpace(as_text(call.name_space));
  write(builder.initDemand(), call.demand);
  if (call.kind == CallTemplate::Kind::kActorCreation) {
    write_actor_options(builder.initActor(), call.actor);
  }
  if (call.placement != Placement{}) write(builder.initPlacement(), call.placement);
  if (call.environment.empty()) return;
  auto environment = builder.initEnvironment(static_cast<unsigned>(call.environment.size()));
  for (unsigned i = 0; i < environment.size(); ++i) {
    environment[i].setName(as_text(call.environment[i].first));
    environment[i].setValue(as_text(call.environment[i].second));
  }
}

CallTemplate read_call_template(schema::CallTemplate::Reader reader) {
  CallTemplate call;
  call.kind = read_enum(reader.getKind(), CallTemplate::Kind::kJobRoot, "kind of call");
  call.return_count = reader.getReturnCount();
  if (call.return_count > kMaxReturns) throw Malformed{"too many return values"};
  call.max_retries = reader.getMaxRetries();
  call.retry_exceptions =
      reader.getRetryExceptions() ? RetryExceptions::kYes : RetryExceptions::kNo;
  if (reader.hasImage()) {
    const ByteSpan image = bytes_of(reader.getImage());
    if (image.size() != call.function.image.bytes.size()) throw Malformed{"a hash of wrong size"};
    std::copy(image.begin(), image.end(), call.function.image.bytes.begin());
  }
  call.function.name = text_of(reader.getFunctionName());
  call.function.type = text_of(reader.getFunctionType());
  call.display_name = text_of(reader.getDisplayName());
  call.name_space = text_of(reader.getNameSpace());
  call.demand = read_resources(reader.getDemand());
  if (call.kind == CallTemplate::Kind::kActorCreation) {
    call.actor = read_actor_options(reader.getActor());
  }
  if (reader.hasPlacement()) call.placement = read_placement(reader.getPlacement());
  for (const auto entry : reader.getEnvironment()) {
    call.environment.emplace_back(text_of(entry.getName()), text_of(entry.getValue()));
  }
  std::sort(call.environment.begin(), call.environment.end());
  return call;
}

void write(schema::Arg::Builder builder, const Arg& arg) {
  if (arg.is_reference()) {
    write(builder.initReference(), arg.reference);
  } else {
    write(builder.initValue(), arg.value);
  }
}

Arg read_arg(schema::Arg::Reader reader) {
  Arg arg;
  switch (reader.which()) {
    case schema::Arg::REFERENCE:
      arg.reference = read_id<ObjectId>(reader.getReference());
      if (arg.reference.is_nil()) throw Malformed{"a nil reference as an argument"};
      break;
    case schema::Arg::VALUE: arg.value = read_value(reader.getValue()); break;
    default: throw Malformed{"an argument of unknown kind"};
  }
  return arg;
}

}  // namespace rayd::wire
