#include "daemon/shell/rpc_values.h"

namespace rayd::shell {

ImageHash read_hash(capnp::Data::Reader data) {
  ImageHash hash;
  if (data.size() != hash.bytes.size()) {
    throw_error({ErrorCode::kInvalidArgument, "a hash of the wrong length"});
  }
  std::copy(data.begin(), data.end(), hash.bytes.begin());
  return hash;
}

void write_items(capnp::List<schema::Item>::Builder list, const std::vector<ItemRow>& rows,
                 unsigned first) {
  for (unsigned i = 0; i < rows.size(); ++i) {
    list[first + i].setId(rows[i].id);
    auto fields = list[first + i].initFields(static_cast<unsigned>(rows[i].fields.size()));
    for (unsigned j = 0; j < fields.size(); ++j) {
      fields[j].setKey(rows[i].fields[j].first);
      fields[j].setJson(rows[i].fields[j].second.dump());
    }
  }
}

void write(schema::LogLine::Builder builder, const BookLine& line) {
  builder.setUnixMs(line.unix_ms);
  builder.setSource(line.source);
  builder.setError(line.stream == BookLine::Stream::kErrors);
  builder.setText(line.text);
}

void write(schema::ClusterEvent::Builder builder, const ClusterEvent& event) {
  builder.setUnixMs(event.unix_ms);
  builder.setNode(event.node.value);
  builder.setLevel(static_cast<uint8_t>(event.level));
  builder.setName(event.name);
  builder.setText(event.text);
}

namespace {

void write_error(schema::Error::Builder builder, const ErrorInfo& error) {
  builder.setCode(static_cast<uint16_t>(error.code));
  builder.setAttempt(error.attempt);
  builder.setNode(error.node.value);
  builder.setRemoteType(error.remote_type);
  builder.setMessage(error.message);
  builder.setFunction(error.function);
}

}  // namespace

void write(schema::JobUpdate::Builder builder, const JobNews& news) {
  builder.setCursor(news.cursor);
  builder.setState(static_cast<uint8_t>(news.row.state));
  auto lines = builder.initLines(static_cast<unsigned>(news.lines.size()));
  for (unsigned i = 0; i < lines.size(); ++i) write(lines[i], news.lines[i]);
  builder.setProgressDone(news.progress.done);
  builder.setProgressTotal(news.progress.total);
  builder.setProgressText(news.progress.text);
  auto metrics = builder.initMetrics(static_cast<unsigned>(news.progress.metrics.size()));
  for (unsigned i = 0; i < metrics.size(); ++i) {
    metrics[i].setName(news.progress.metrics[i].first);
    metrics[i].setValue(news.progress.metrics[i].second);
  }
  auto files = builder.initFiles(static_cast<unsigned>(news.files.size()));
  for (unsigned i = 0; i < files.size(); ++i) {
    files[i].setName(news.files[i].name);
    files[i].setBytes(news.files[i].bytes);
  }
  builder.setResult(news.row.result_json);
  if (news.row.error) write_error(builder.initError(), *news.row.error);
}

}  // namespace rayd::shell
