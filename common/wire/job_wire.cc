#include "common/wire/job_wire.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <algorithm>

#include "common/wire/job_parameters.h"
#include "common/wire/values.h"

namespace rayd::wire {

void write_parameters(capnp::List<schema::JobParameter>::Builder list,
                      const std::vector<JobParameter>& parameters) {
  for (unsigned i = 0; i < list.size(); ++i) {
    list[i].setName(as_text(parameters[i].name));
    list[i].setValue(as_text(parameters[i].value));
    if (!parameters[i].content) continue;
    const std::string& content = *parameters[i].content;
    list[i].getInput().setContent(
        {reinterpret_cast<const uint8_t*>(content.data()), content.size()});
  }
}

std::vector<JobParameter> read_parameters(capnp::List<schema::JobParameter>::Reader list) {
  std::vector<JobParameter> parameters;
  for (const auto entry : list) {
    JobParameter& parameter = parameters.emplace_back();
    parameter.name = {entry.getName().begin(), entry.getName().size()};
    parameter.value = {entry.getValue().begin(), entry.getValue().size()};
    if (!entry.getInput().isContent()) continue;
    const auto content = entry.getInput().getContent();
    parameter.content.emplace(reinterpret_cast<const char*>(content.begin()), content.size());
  }
  return parameters;
}

Bytes encode_job_parameters(const std::vector<JobParameter>& parameters) {
  capnp::MallocMessageBuilder builder;
  write_parameters(builder.initRoot<schema::JobParameters>().initParameters(
                       static_cast<unsigned>(parameters.size())),
                   parameters);
  const auto words = capnp::messageToFlatArray(builder);
  const auto bytes = words.asBytes();
  return Bytes::copy(ByteSpan{bytes.begin(), bytes.size()});
}

Result<std::vector<JobParameter>> decode_job_parameters(ByteSpan bytes) {
  std::vector<capnp::word> words((bytes.size() + sizeof(capnp::word) - 1) / sizeof(capnp::word));
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<uint8_t*>(words.data()));
  capnp::ReaderOptions options;
  options.traversalLimitInWords = words.size() * 2 + 64;
  options.nestingLimit = 16;
  try {
    capnp::FlatArrayMessageReader reader{{words.data(), words.size()}, options};
    return read_parameters(reader.getRoot<schema::JobParameters>().getParameters());
  } catch (const kj::Exception& exception) {
    return Error{ErrorCode::kCorrupt, exception.getDescription().cStr()};
  }
}

}  // namespace rayd::wire
