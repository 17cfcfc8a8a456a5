// Gives back the pages that only a process's start needed: relocations, initialisers, options.
#pragma once

namespace rayd {

/// Unmaps the resident pages of programs and libraries that the kernel can read again from their
/// files; what runs comes back by itself. Mappings of which any page was written are left alone.
void drop_file_pages();

}  // namespace rayd
