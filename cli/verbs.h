// The rows of the table of verbs, each defined in its own file (verb_NAME.cc).
#pragma once

#include "cli/verb.h"

namespace rayd::cli {

extern const Verb kStart;
extern const Verb kStop;
extern const Verb kUp;
extern const Verb kDown;
extern const Verb kStatus;
extern const Verb kSubmit;
extern const Verb kTask;
extern const Verb kActorCreate;
extern const Verb kActorCall;
extern const Verb kActorKill;
extern const Verb kModuleAdd;
extern const Verb kModuleList;
extern const Verb kModuleRemove;
extern const Verb kTokenCreate;
extern const Verb kTokenList;
extern const Verb kTokenRevoke;
extern const Verb kList;
extern const Verb kDescribe;
extern const Verb kLogs;
extern const Verb kArtifacts;
extern const Verb kCancel;
extern const Verb kWait;
extern const Verb kVersionVerb;
extern const Verb kWhy;
extern const Verb kEvents;

}  // namespace rayd::cli
