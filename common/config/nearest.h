// The nearest right name to a wrong one: for verbs, flags, options, parameters, functions.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace rayd {

/// The known name that `given` was most likely meant to be, or nothing if none is near: at most one
/// mistake in three letters (a swap of neighbours counts once; case, '-' and '_' do not), or a
/// prefix of one name only. Of equally near ones the first.
std::optional<std::string_view> nearest_name(std::string_view given,
                                             std::span<const std::string_view> known);

/// " (did you mean 'NAME'?)", or nothing.
std::string did_you_mean(std::string_view given, std::span<const std::string_view> known);

}  // namespace rayd
