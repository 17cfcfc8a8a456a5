// From the compiler's names to those that people type: pure functions over text.
#pragma once

#include <string>
#include <string_view>

namespace ray::internal {

/// The qualified name in the demangled name of AddressOf<…> or LambdaOf<…> (registration.h):
/// "ray::internal::AddressOf<&(int geometry::twice<int>(int))>" → "geometry::twice<int>". Without
/// the compiler's "[abi:cxx11]".
std::string function_name_of(std::string_view symbol);

/// A function type as it is shown: LambdaOf and pointer types as they are, std::string by that
/// name.
std::string type_text_of(std::string_view demangled);

}  // namespace ray::internal
