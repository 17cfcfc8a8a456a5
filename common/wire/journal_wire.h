// The codec of the journal's rows that are kept as blobs (journal.capnp). Pure.
//
// A row reads back equal but for what means nothing after a restart: places in a store. The rows
// that delete (head_io.h) have nothing but their key and are no blobs: their writer deletes.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/types/head_io.h"

namespace rayd::wire {

/// kInvalidArgument: a list longer than any honest row's.
Result<Bytes> encode_job_row(const JobRow& row);
Result<Bytes> encode_actor_row(const ActorRow& row);
Result<Bytes> encode_group_row(const GroupRow& row);

/// Any alignment. Any bytes give a row or kCorrupt with what is wrong.
Result<JobRow> decode_job_row(ByteSpan bytes);
Result<ActorRow> decode_actor_row(ByteSpan bytes);
Result<GroupRow> decode_group_row(ByteSpan bytes);

}  // namespace rayd::wire
