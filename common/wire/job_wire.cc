#include "common/wire/job_wire.h"

#include "common/wire/flat_message.h"
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
  return to_bytes(builder);
}

Result<std::vector<JobParameter>> decode_job_parameters(ByteSpan bytes) {
  return read_flat_message<schema::JobParameters>(bytes, [](schema::JobParameters::Reader reader) {
    return read_parameters(reader.getParameters());
  });
}

}  // namespace rayd::wire
