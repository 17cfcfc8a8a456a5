// What a test program and its worker share: who ran the constructor, and how often main ran.
#pragma once

namespace process_test {

extern int constructed_by;  // the pid
extern int main_calls;

}  // namespace process_test
