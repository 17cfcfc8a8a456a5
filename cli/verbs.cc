// The table of verbs.
#include "cli/verbs.h"

namespace rayd::cli {
namespace {

constexpr const Verb* kVerbs[] = {
    &kStart,       &kStop,       &kUp,           &kDown,        &kStatus,
    &kSubmit,      &kTask,       &kActorCreate,  &kActorCall,   &kActorKill,
    &kModuleAdd,   &kModuleList, &kModuleRemove, &kTokenCreate, &kTokenList,
    &kTokenRevoke, &kList,       &kDescribe,     &kLogs,        &kArtifacts,
    &kCancel,      &kWait,       &kWhy,          &kEvents,      &kVersionVerb,
};

}  // namespace

std::span<const Verb* const> verbs() { return kVerbs; }

}  // namespace rayd::cli
