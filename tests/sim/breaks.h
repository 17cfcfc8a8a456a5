// Breaks: bugs that are planted on purpose, one for each invariant, to show that whoever watches it
// can fail. The cores stay as they are: what is broken is a session, a ring, a journal or a worker
// around them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rayd::sim {

enum class Break : uint8_t {
  kNone,
  kForgedRelease,     // a holder's grant is given back behind its back
  kReleaseInTransit,  // the same, while the reference is still on its way
  kCountedTwice,      // a message that carries grants is received twice
  kLostTransferDone,  // pins are never let go
  kAssignedTwice,     // one attempt goes to two nodes
  kMoreThanThereIs,   // a daemon grants one CPU more than its node has
  kFinishedTwice,     // an end of a task is counted twice
  kRunsRevoked,       // a worker runs a slot that was taken back
  kLostDiscard,       // nobody tells a node to drop its copies
  kForgetfulJournal,  // a restarted head does not know which incarnations were started
  kHeardLate,         // a reply is taken for one of an older incarnation, and heard
  kNotReaped,         // a worker that is reported dead goes on
  kOutOfOrder,        // a worker takes the second call before the first
  kSkipsCall,         // a worker drops a call
  kHastyHead,         // what the head says leaves before its rows are committed
  kResumesTooFar,     // a greeting claims one message more than arrived
  kForgetsAtResume,   // the first message behind a resume is dropped
  kTwiceAtResume,     // it is heard twice
};

struct BreakInfo {
  Break what = Break::kNone;
  const char* name;
  const char* invariant;  // how the violation begins
};

inline constexpr BreakInfo kBreaks[] = {
    {Break::kForgedRelease, "forged_release", "P1 i:"},
    {Break::kReleaseInTransit, "release_in_transit", "P1 ii:"},
    {Break::kCountedTwice, "counted_twice", "P1 iii:"},
    {Break::kLostTransferDone, "lost_transfer_done", "P1 iv:"},
    {Break::kAssignedTwice, "assigned_twice", "P2 i:"},
    {Break::kMoreThanThereIs, "more_than_there_is", "P2 ii:"},
    {Break::kFinishedTwice, "finished_twice", "P2 iii:"},
    {Break::kRunsRevoked, "runs_revoked", "P2 iv:"},
    {Break::kLostDiscard, "lost_discard", "P2 v:"},
    {Break::kForgetfulJournal, "forgetful_journal", "P3 i:"},
    {Break::kHeardLate, "heard_late", "P3 i:"},
    {Break::kNotReaped, "not_reaped", "P3 ii:"},
    {Break::kOutOfOrder, "out_of_order", "P3 iii:"},
    {Break::kSkipsCall, "skips_call", "P3 iii:"},
    {Break::kHastyHead, "hasty_head", "P3 v:"},
    {Break::kResumesTooFar, "resumes_too_far", "S:"},
    {Break::kForgetsAtResume, "forgets_at_resume", "S:"},
    {Break::kTwiceAtResume, "twice_at_resume", "S:"},
};

inline const BreakInfo* find_break(std::string_view name) {
  for (const BreakInfo& info : kBreaks)
    if (name == info.name) return &info;
  return nullptr;
}

}  // namespace rayd::sim
