# Builds that look for mistakes while they run, for tools/sanitize.py. What a sanitizer finds ends the
# process, so that no test passes over it.
if(STEEP_SANITIZE STREQUAL "address")
  # Beside what "undefined" holds: conversions of numbers that the target cannot hold, and the
  # standard library's own checks of indices.
  set(sanitize_flags -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
elseif(STEEP_SANITIZE STREQUAL "thread")
  set(sanitize_flags -fsanitize=thread)
elseif(STEEP_SANITIZE)
  message(FATAL_ERROR "STEEP_SANITIZE: expected address or thread, got '${STEEP_SANITIZE}'")
endif()
if(STEEP_SANITIZE)
  add_compile_options(${sanitize_flags} -O1 -g -fno-omit-frame-pointer)
  add_link_options(${sanitize_flags})
endif()
